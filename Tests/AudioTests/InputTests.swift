import Audio
import Foundation
import Synchronization
import System
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
        let isAwaited = DispatchSemaphore(value: 0)
        let path = try folder.makePipe("pipe.wav", holding: Recording.flac.data, after: isAwaited)
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
        let checks = Atomic(0)
        #expect(throws: CancellationError.self) {
            let spool = Spool { checks.add(1, ordering: .relaxed).newValue > 3 }
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
                path: "the copy of standard input, in \(folder.path("none"))",
                reason: "No such file or directory")
        ) { try pipe(holding: Recording.flac.data, Spool(folder: folder.path("none"))) }
    }

    @Test
    func filesWhoseNamesAreNoTextAreTold() throws {
        let data = try Recording.flac.data
        for byte in [UInt8(0xE4), 0xF6] {
            let name = Array(folder.path("b").utf8) + [byte] + Array("se.flac".utf8)
            let path = FilePath.text(ofBytes: name)
            #expect(FilePath.bytes(of: path) == name)
            let descriptor = FilePath.withCString(path) { open($0, O_WRONLY | O_CREAT, 0o600) }
            // Some file systems refuse such names.
            guard descriptor >= 0 else { return }
            try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: data)
            #expect(try AudioFile.read(path).buffer.sampleCount == 22_050)
            #expect(path.withoutHiddenCharacters.contains("b\\x\(byte == 0xE4 ? "E4" : "F6")se"))
        }
        #expect(try FilePath.names(in: folder.url.path).count == 2)
        let replaced = #expect(throws: AudioError.self) {
            try AudioFile.read(folder.path("b\u{FFFD}se.flac"))
        }
        #expect(replaced?.description.contains("was not valid UTF-8") == true)
        let cut = #expect(throws: AudioError.self) {
            try AudioFile.read(folder.url.path + "/b\0.flac")
        }
        #expect(cut?.description.contains("zero byte") == true)
    }

    @Test
    func namesHaveTheKindOfFile() {
        for (name, isSound) in [
            ("a.wav", true), ("B.FLAC", true), ("x/y.tar.Mp3", true), ("c.m4a", true),
            ("d.MKV", true), ("e.txt", false), ("noending", false), (".mp3", false),
            ("folder.wav/cover", false), ("", false), ("f.", false),
        ] { #expect(AudioFileType.isSound(name) == isSound, "\(name)") }
        #expect(AudioFileType.decoded.isDisjoint(with: AudioFileType.others))
        #expect(AudioFileType.others.isSuperset(of: ["m4a", "mka", "wma"]))
    }
}
