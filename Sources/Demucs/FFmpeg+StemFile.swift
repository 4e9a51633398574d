// Encodes and muxes stem files with ffmpeg.

import Audio
import System

extension FFmpeg {
    /// Writes a stem file, which gets its name when it is complete.
    ///
    /// - Parameters:
    ///   - tracks: five open WAV files of one rate and length, the mix first; or one alone, for M4A.
    ///   - isMono: whether all tracks are mono; they become stereo with two equal channels.
    ///   - sampleFormat: format of the tracks, `int16` or `int24`.
    ///   - tags: title, artist, cover and so on; `nil` for none at all.
    /// - Returns: length and checksum of the file.
    /// - Throws: ``AudioError`` `encodingFailed`, `unwritable` or `writeFailed`; `CancellationError`.
    package func writeStemFile(
        _ tracks: [(name: String, descriptor: Int32)], isMono: Bool, sampleFormat: SampleFormat,
        format: StemFileFormat, tags: AudioTags?, to path: String, spool: Spool
    ) throws -> (count: Int, sha256: String) {
        let encoded = try TemporaryFiles.createUnnamed(in: spool.folder, for: path)
        defer { close(encoded) }
        let cover = try tags.flatMap { try self.cover($0, spool) }
        defer { if let cover { close(cover.descriptor) } }
        var command = StemFileCommand(tracks, isMono: isMono, sampleFormat, format)
        command.addTags(tags, cover)
        let result: Result
        do {
            result = try run(
                command.arguments, descriptors: command.descriptors(output: encoded), of: path,
                spool)
        } catch let stuck as OutputSilence.TooLong {
            throw AudioError.encodingFailed(path: path, reason: "ffmpeg \(stuck)")
        }
        if result.complaint?.hasSuffix(SystemError(code: ENOSPC).description) == true {
            throw AudioError.writeFailed(
                path: path, reason: SystemError(code: ENOSPC).description)
        }
        if result.end == .lost {
            throw AudioError.programFailed(path: path, reason: "ffmpeg \(result.end)")
        }
        if result.end != .success {
            throw AudioError.encodingFailed(
                path: path, reason: result.complaint ?? "it \(result.end)")
        }
        let sink = try OutputSink(.file(path))
        defer { sink.discard() }
        do {
            if tracks.count > 1 {
                let box = StemManifest.bytes(stems: tracks.dropFirst().map(\.name))
                let countBytes = Int(lseek(encoded, 0, SEEK_END))
                if let problem = try StemBox.add(box, to: encoded, countBytes: countBytes) {
                    throw AudioError.encodingFailed(path: path, reason: "its MP4 file: \(problem)")
                }
            }
            lseek(encoded, 0, SEEK_SET)
            try forEachPiece(of: encoded) {
                try spool.checkCancellation()
                sink.append($0)
                if let failure = sink.failure { throw failure }
            }
        } catch let error as SystemError {
            throw AudioError.writeFailed(path: path, reason: "\(error)")
        }
        if tracks.count > 1 || tags?.isStem == true { sink.append(StemMark.box) }
        return try sink.complete()
    }

    /// Writes M4A of one sound, or a stem file of a mix and four stems.
    ///
    /// - Parameters:
    ///   - names: those of the tracks; stems show them with a capital.
    ///   - write: writes the track with an index to a path, as WAV in `sampleFormat`.
    /// - Throws: as ``writeStemFile(_:isMono:sampleFormat:format:tags:to:spool:)``, and what `write` throws.
    package func writeMP4(
        _ names: [String], _ sampleFormat: SampleFormat, isMono: Bool = false, tags: AudioTags,
        to path: String, _ spool: Spool, _ write: (_ index: Int, _ path: String) throws -> Void
    ) throws {
        var tracks: [(name: String, descriptor: Int32)] = []
        defer { for track in tracks { close(track.descriptor) } }
        for (index, name) in names.enumerated() {
            let part = "\(path).\(index)"
            defer { unlink(part) }
            try write(index, part)
            let descriptor = open(part, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw AudioError.unreadable(path: part, .last) }
            tracks.append((StemFileFormat.shownName(name), descriptor))
        }
        let format = StemFileFormat(container: .mp4, codec: names.count == 1 ? .aac : .alac)
        _ = try writeStemFile(
            tracks, isMono: isMono, sampleFormat: format.storedFormat(sampleFormat), format: format,
            tags: tags, to: path, spool: spool)
    }

    /// A cover in a file of its own.
    private struct Cover {
        /// The demuxer of a file of one picture.
        let demuxer: String
        let type: String
        let descriptor: Int32
    }

    /// The cover, unless ffmpeg can't read it: a damaged one would make the stem file fail.
    private func cover(_ tags: AudioTags, _ spool: Spool) throws -> Cover? {
        guard let (type, bytes) = tags.picture else { return nil }
        let demuxer = type == "image/png" ? "png_pipe" : "jpeg_pipe"
        let picture = try TemporaryFiles.createUnnamed(in: spool.folder, for: "the cover")
        do {
            try bytes.withUnsafeBytes { try writeAll($0, to: picture) }
            let check = try run(
                Self.quiet + Self.input("file:/dev/stdin", demuxer: demuxer)
                    + ["-c", "copy", "-f", "null", "-"],
                descriptors: [picture, picture], of: "the cover", spool)
            if check.mayBeWhole {
                return Cover(demuxer: demuxer, type: type, descriptor: picture)
            }
        } catch {
            // A cover that ends ffmpeg must not end the track.
            if error is CancellationError {
                close(picture)
                throw error
            }
        }
        close(picture)
        return nil
    }

    // MARK: - The command

    /// The arguments of the run that encodes all tracks.
    private struct StemFileCommand {
        private var inputs: [(demuxer: String?, descriptor: Int32)]
        private var output: [String] = []

        init(
            _ tracks: [(name: String, descriptor: Int32)], isMono: Bool,
            _ sampleFormat: SampleFormat, _ format: StemFileFormat
        ) {
            inputs = tracks.map { ("wav", $0.descriptor) }
            for (index, track) in tracks.enumerated() {
                output += ["-map", "\(index):a", "-disposition:a:\(index)"]
                output += [index == 0 ? "default" : "0"]
                // Players show one of these.
                for key in ["handler_name", "title"] {
                    output += ["-metadata:s:a:\(index)", "\(key)=\(track.name)"]
                }
            }
            output += ["-c:a", format.codec.rawValue]
            if isMono { output += ["-filter:a", "pan=stereo|c0=c0|c1=c0"] }
            if format.codec == .aac {
                output += ["-b:a", "\(StemFileFormat.aacKilobitsPerSecond)k"]
            } else {
                output += ["-sample_fmt", sampleFormat == .int16 ? "s16p" : "s32p"]
            }
            output += ["-map_metadata", "-1", "-map_chapters", "-1"]
            // No times, versions or random numbers, so that equal samples give equal bytes.
            output += ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
        }

        mutating func addTags(_ tags: AudioTags?, _ cover: Cover?) {
            for (field, _, text) in tags?.texts ?? [] {
                output += ["-metadata", "\(field.ffmpeg)=\(text)"]
            }
            guard let cover else { return }
            output += ["-map", "\(inputs.count):v", "-c:v", "copy"]
            output += ["-disposition:v:0", "attached_pic"]
            inputs.append((cover.demuxer, cover.descriptor))
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
            return FFmpeg.quiet + opened + output + ["-f", "mp4", "-y", "file:/dev/fd/1"]
        }

        func descriptors(output: Int32) -> [Int32] {
            let files = inputs.map(\.descriptor)
            return [files[0], output] + files[1...]
        }
    }
}
