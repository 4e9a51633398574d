import Audio
import Foundation
import TestSupport
import Testing

/// Tracks that are read more than once, pipes, and files that change while they are open.
struct InputTests {
    private let folder = TemporaryFolder()

    @Test(arguments: [Recording.flac, .taggedMP3, .vorbis, .opus, .int24WAV])
    func readersDoNotDisturbEachOther(recording: Recording) throws {
        let input = try AudioInput(path: recording.path)
        let expected = try AudioFile.read(recording.path)
        let readers = try (0..<3).map { _ in try input.reader() }
        var audio = [PlanarAudio](
            repeating: PlanarAudio(
                channelCount: recording.channels, sampleRateHz: recording.rateHz), count: 3)
        var isReading = [true, true, true]
        while isReading.contains(true) {
            for index in 0..<3 {
                let block = try readers[index].next()
                isReading[index] = block != nil
                if let block { audio[index].append(block) }
            }
        }
        #expect(audio.allSatisfy { $0 == expected.buffer })
        #expect(input.name == recording.path)
    }

    @Test
    func replacedFileDoesNotChangeTheTrack() throws {
        let path = try folder.write(Recording.int16WAV.data, "track.wav")
        let input = try AudioInput(path: path)
        try FileManager.default.removeItem(atPath: path)
        _ = try folder.write(Recording.floatWAV.data, "track.wav")
        #expect(try AudioFile.read(input).buffer.sampleRateHz == Recording.int16WAV.rateHz)
    }

    @Test
    func fileThatGrowsIsAnError() throws {
        let path = try folder.write(Recording.flac.data, "track.flac")
        let input = try AudioInput(path: path)
        let reader = try input.reader()
        #expect(try reader.next() != nil)
        try overwrite(path, with: Data([0]), atEnd: true)
        #expect(throws: AudioError.changed(path: path)) { try input.reader() }
        #expect(throws: AudioError.changed(path: path)) {
            while try reader.next() != nil {}
        }
    }

    @Test
    func fileThatIsOverwrittenInItsOldLengthIsAnError() throws {
        let path = try folder.write(Recording.int16WAV.data, "track.wav")
        // An old file, because file systems update their time stamps only a few hundred times a second.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
        let input = try AudioInput(path: path)
        try overwrite(path, with: Recording.int16WAV.data)
        #expect(throws: AudioError.changed(path: path)) { try input.reader() }
    }

    private func overwrite(_ path: String, with data: Data, atEnd: Bool = false) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        if atEnd { try handle.seekToEnd() }
        try handle.write(contentsOf: data)
        try handle.close()
    }

    @Test(arguments: [Recording.flac, .taggedMP3, .vorbis, .int16WAV, .streamedWAV])
    func pipeIsReadToItsEnd(recording: Recording) throws {
        let input = try pipe(holding: recording.data, Spool(folder: folder.url.path))
        #expect(try folder.contents == [])
        for _ in 0..<2 {
            #expect(try AudioFile.read(input) == AudioFile.read(recording.path))
        }
    }

    private func pipe(holding data: Data, _ spool: Spool) throws -> AudioInput {
        try AudioInput(
            descriptor: Conduit.holding(data), name: "standard input", spool: spool, ffmpeg: nil)
    }

    @Test
    func namedPipeIsReadToItsEnd() throws {
        let path = folder.path("pipe.wav")
        #expect(mkfifo(path, 0o600) == 0)
        let data = try Recording.flac.data
        let isAwaited = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            isAwaited.wait()
            let handle = FileHandle(forWritingAtPath: path)
            try? handle?.write(contentsOf: data)
            try? handle?.close()
        }
        let spool = Spool(folder: folder.url.path) {
            isAwaited.signal()
            return false
        }
        let input = try AudioInput(path: path, spool: spool)
        #expect(try AudioFile.read(input).buffer == AudioFile.read(Recording.flac.path).buffer)
        #expect(input.name == path)
    }

    @Test
    func waitingForAPipeCanBeCancelled() throws {
        let path = folder.path("pipe.wav")
        #expect(mkfifo(path, 0o600) == 0)
        var checks = 0
        #expect(throws: CancellationError.self) {
            let spool = Spool {
                checks += 1
                return checks > 3
            }
            _ = try AudioInput(path: path, spool: spool)
        }
    }

    @Test
    func anEmptyPipeIsRefused() {
        #expect(throws: AudioError.empty(path: "standard input")) {
            try pipe(holding: Data(), Spool())
        }
    }

    @Test
    func aMissingSpoolFolderIsAnError() {
        #expect(
            throws: AudioError.unwritable(
                path: "the copy of standard input", reason: "No such file or directory")
        ) { try pipe(holding: Recording.flac.data, Spool(folder: folder.path("none"))) }
    }

    /// The file is found only if no other name in its folder reads the same.
    @Test
    func fileWhoseNameIsNoTextIsFound() throws {
        let data = try Recording.flac.data
        let path = folder.path("b\u{FFFD}se.flac")
        for (index, byte) in [UInt8(0xE4), 0xF6].enumerated() {
            let name = Array(folder.path("b").utf8) + [byte] + Array("se.flac\0".utf8)
            let descriptor = name.withUnsafeBytes {
                open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_WRONLY | O_CREAT, 0o600)
            }
            // Some file systems refuse such names.
            guard descriptor >= 0 else { return }
            try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: data)
            if index == 0 { #expect(try AudioFile.read(path).buffer.sampleCount == 22_050) }
        }
        let error = #expect(throws: AudioError.self) { try AudioFile.read(path) }
        #expect(error == .notFound(path: path))
        #expect(error?.description.contains("not valid UTF-8") == true)
    }

    @Test
    func namesHaveTheKindOfFile() {
        for (name, isSound, needsFFmpeg) in [
            ("a.wav", true, false), ("B.FLAC", true, false), ("x/y.tar.Mp3", true, false),
            ("c.m4a", true, true), ("d.MKV", true, true), ("e.txt", false, false),
            ("noending", false, false), (".mp3", false, false), ("folder.wav/cover", false, false),
            ("", false, false), ("f.", false, false),
        ] {
            let type = AudioFileType(ofFile: name)
            #expect((type != nil) == isSound, "\(name)")
            #expect(type?.needsFFmpeg ?? false == needsFFmpeg, "\(name)")
        }
        let endings = AudioFileType.all.flatMap(\.extensions)
        #expect(Set(endings).count == endings.count)
    }
}
