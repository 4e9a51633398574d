// Encodes and muxes stem files with ffmpeg; the box of the names and the flags of the tracks are
// written here.

import System

extension FFmpeg {
    /// Writes a stem file, which gets its name when it is complete.
    ///
    /// - Parameters:
    ///   - tracks: five open WAV files of one rate and length, the mix first.
    ///   - isMono: whether all tracks are mono; they become stereo with two equal channels.
    ///   - sampleFormat: format of the tracks, `int16` or `int24`.
    ///   - tags: title, artist and so on; `nil` for none at all.
    ///   - source: the track that was separated, whose other tags and cover are kept with `tags`.
    /// - Returns: length and checksum of the file.
    /// - Throws: ``AudioError`` `encodingFailed`, `unwritable` or `writeFailed`; `CancellationError`.
    package func writeStemFile(
        _ tracks: [(name: String, descriptor: Int32)], isMono: Bool, sampleFormat: SampleFormat,
        format: StemFileFormat, tags: AudioTags?, source: AudioInput?, to path: String,
        spool: Spool
    ) throws -> (count: Int, sha256: String) {
        let about =
            try tags == nil
            ? nil : source?.sourceDescriptor.map { try SourceDetails($0, self, spool) }
        defer { about?.close() }
        let encoded = try TemporaryFiles.createUnnamed(in: spool.folder, for: path)
        defer { close(encoded) }
        var command = StemFileCommand(tracks, isMono: isMono, sampleFormat, format)
        command.addTags(tags, about)
        let result = try started(path) {
            try run(command.arguments, descriptors: command.descriptors(output: encoded), spool)
        }
        if result.complaint?.hasSuffix(SystemError(code: ENOSPC).description) == true {
            throw AudioError.writeFailed(
                path: path, reason: SystemError(code: ENOSPC).description)
        }
        if result.status != 0 {
            throw AudioError.encodingFailed(
                path: path,
                reason: result.complaint ?? "it ended with status \(result.status)")
        }
        return try copy(encoded, to: path, format, stems: tracks.dropFirst().map(\.name), spool)
    }

    /// Copies ffmpeg's output to its destination; an MP4 file gets the box of the stems.
    private func copy(
        _ encoded: Int32, to path: String, _ format: StemFileFormat, stems: [String],
        _ spool: Spool
    ) throws -> (count: Int, sha256: String) {
        let countBytes = Int(lseek(encoded, 0, SEEK_END))
        let sink = try OutputSink(.file(path))
        defer { sink.discard() }
        func put(_ bytes: UnsafeRawBufferPointer) throws {
            try spool.checkCancellation()
            sink.append(bytes)
            if let failure = sink.failure { throw failure }
        }
        do {
            switch format.container {
            case .mp4:
                var movie = try ISOMovie(encoded, countBytes: countBytes)
                movie.enableFirstTrackOnly()
                movie.setUserData("stem", StemManifest.bytes(stems: stems))
                try movie.copy { try $0.withUnsafeBytes(put) }
            case .mka:
                lseek(encoded, 0, SEEK_SET)
                try forEachPiece(of: encoded, put)
            }
        } catch let error as ISOBoxError {
            throw AudioError.encodingFailed(path: path, reason: "its MP4 file: \(error)")
        } catch let error as SystemError {
            throw AudioError.writeFailed(path: path, reason: "\(error)")
        }
        return try sink.complete()
    }

    /// Runs `body`, and reports a failure to start ffmpeg as ``AudioError``.
    private func started<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as SystemError {
            throw AudioError.encodingFailed(path: path, reason: "can't be started (\(error))")
        }
    }

    // MARK: - The source

    /// Tags and cover of the separated track.
    fileprivate struct SourceDetails {
        let descriptor: Int32
        /// Whether ffmpeg knows the format. If not, only the tags that libsndfile reads are kept.
        let isKnown: Bool
        /// Whether the container is Ogg, which has its tags in the stream; others have them in the
        /// file.
        let isOgg: Bool
        /// The cover's codec (`mjpeg` or `png`) and its open file.
        let cover: (codec: String, descriptor: Int32)?

        init(_ descriptor: Int32, _ ffmpeg: FFmpeg, _ spool: Spool) throws {
            self.descriptor = descriptor
            let files = [descriptor, descriptor]
            // Without an output ffmpeg lists the streams on standard error, and fails.
            let listing = try? ffmpeg.run(
                ["-nostdin", "-hide_banner"] + FFmpeg.input("file:/dev/stdin"),
                descriptors: files, spool, limit: 1 << 20
            ).text
            try spool.checkCancellation()
            let lines = (listing ?? "").split(whereSeparator: \.isNewline)
                .map { $0.drop { $0 == " " } }
            isOgg = lines.contains { $0.hasPrefix("Input #0, ogg") }
            isKnown = lines.contains { $0.hasPrefix("Stream #0:") && $0.contains(": Audio: ") }
            cover = try Self.cover(lines, of: descriptor, ffmpeg, spool)
        }

        /// The first picture that ffmpeg lists as `Stream #0:1: Video: mjpeg …, … (attached pic)`
        /// and that it can read alone: a damaged one would make the stem file fail.
        private static func cover(
            _ lines: [Substring], of source: Int32, _ ffmpeg: FFmpeg, _ spool: Spool
        ) throws -> (codec: String, descriptor: Int32)? {
            for line in lines where line.hasPrefix("Stream #0:") && line.contains("(attached pic)")
            {
                let number = line.dropFirst("Stream #0:".count).prefix { $0.isASCII && $0.isNumber }
                let codec = ["mjpeg", "png"].first { line.contains(": Video: \($0)") }
                guard let codec, !number.isEmpty else { continue }
                let picture = try TemporaryFiles.createUnnamed(in: spool.folder, for: "the cover")
                let result = try? ffmpeg.run(
                    FFmpeg.quiet + FFmpeg.input("file:/dev/stdin")
                        + ["-map", "0:\(number)", "-frames:v", "1", "-c", "copy"]
                        + ["-f", "image2pipe", "-y", "file:/dev/stdout"],
                    descriptors: [source, picture], spool)
                let check = try? ffmpeg.run(
                    FFmpeg.quiet + FFmpeg.input("file:/dev/stdin", demuxer: demuxer(codec))
                        + ["-c", "copy", "-f", "null", "-"],
                    descriptors: [picture, picture], spool)
                if result?.status == 0, check?.status == 0 { return (codec, picture) }
                System.close(picture)
                try spool.checkCancellation()
            }
            return nil
        }

        /// The demuxer of a picture in a file of its own.
        static func demuxer(_ codec: String) -> String {
            codec == "png" ? "png_pipe" : "jpeg_pipe"
        }

        func close() {
            if let cover { System.close(cover.descriptor) }
        }
    }

    // MARK: - The command

    /// The arguments of the run that encodes all tracks.
    private struct StemFileCommand {
        private var inputs: [(demuxer: String?, descriptor: Int32)]
        private var attached: Int32?
        private var output: [String] = []
        private let format: StemFileFormat

        init(
            _ tracks: [(name: String, descriptor: Int32)], isMono: Bool,
            _ sampleFormat: SampleFormat, _ format: StemFileFormat
        ) {
            self.format = format
            inputs = tracks.map { ("wav", $0.descriptor) }
            for (index, track) in tracks.enumerated() {
                output += ["-map", "\(index):a", "-disposition:a:\(index)"]
                output += [index == 0 ? "default" : "0"]
                // Players show the handler of a track in MP4, its title in Matroska.
                for key in format.container == .mp4 ? ["handler_name", "title"] : ["title"] {
                    output += ["-metadata:s:a:\(index)", "\(key)=\(track.name)"]
                }
            }
            output += ["-c:a", format.codec.rawValue]
            if isMono { output += ["-filter:a", "pan=stereo|c0=c0|c1=c0"] }
            if format.codec == .aac {
                output += ["-b:a", "\(StemFileFormat.aacKilobitsPerSecond)k"]
            } else {
                let isPlanar = format.codec == .alac
                output += [
                    "-sample_fmt", (sampleFormat == .int16 ? "s16" : "s32") + (isPlanar ? "p" : ""),
                ]
            }
            output += ["-map_metadata", "-1", "-map_chapters", "-1"]
            // No times, versions or random numbers, so that equal samples give equal bytes.
            output += ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
        }

        mutating func addTags(_ tags: AudioTags?, _ source: SourceDetails?) {
            if let source, source.isKnown {
                let input = inputs.count
                inputs.append((nil, source.descriptor))
                output += ["-map_metadata", "\(input):g"]
                if source.isOgg { output += ["-map_metadata", "\(input):s:a:0"] }
                // Clears tags about the source's container.
                for key in [
                    "major_brand", "minor_version", "compatible_brands", "encoder", "creation_time",
                ] {
                    output += ["-metadata", "\(key)="]
                }
            }
            for (field, utf8) in tags?.texts ?? [] {
                // ffmpeg writes a tempo to MP4 under its name there only.
                let isTempo = format.container == .mka && field.ffmpeg == "tmpo"
                output += [
                    "-metadata",
                    "\(isTempo ? "BPM" : field.ffmpeg)=\(String(decoding: utf8, as: UTF8.self))",
                ]
            }
            guard let cover = source?.cover else { return }
            let isPNG = cover.codec == "png"
            switch format.container {
            case .mp4:
                let input = inputs.count
                inputs.append((SourceDetails.demuxer(cover.codec), cover.descriptor))
                output += ["-map", "\(input):v", "-c:v", "copy"]
                output += ["-disposition:v:0", "attached_pic"]
            case .mka:
                attached = cover.descriptor
                output += ["-metadata:s:t:0", "mimetype=image/\(isPNG ? "png" : "jpeg")"]
                output += ["-metadata:s:t:0", "filename=cover.\(isPNG ? "png" : "jpg")"]
            }
        }

        /// Address of an input by its descriptor: 1 is the output and 2 takes messages, so 3
        /// follows 0.
        private static func name(_ index: Int) -> String {
            "file:/dev/fd/\(index == 0 ? 0 : index + 2)"
        }

        var arguments: [String] {
            let opened = inputs.enumerated().flatMap { index, input in
                FFmpeg.input(Self.name(index), demuxer: input.demuxer)
            }
            // The streams' own tags come after those that are mapped, which would replace them.
            let attachment = attached == nil ? [] : ["-attach", Self.name(inputs.count)]
            let muxer = format.container == .mp4 ? "mp4" : "matroska"
            return FFmpeg.quiet + opened + attachment + output
                + ["-f", muxer, "-y", "file:/dev/fd/1"]
        }

        func descriptors(output: Int32) -> [Int32] {
            let files = inputs.map(\.descriptor) + (attached.map { [$0] } ?? [])
            return [files[0], output] + files[1...]
        }
    }
}
