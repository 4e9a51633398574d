// A stem file: the mix and four stems of a track in one file for DJ software. Its five tracks are
// first written as WAV to temporary files without names, and encoded together at the end.

import Audio
import System

/// A stem file that a separation writes beside its other signals.
package struct StemFileOutput: Sendable {
    package let path: String
    package let format: StemFileFormat
    /// The four stems, with the names that DJ software shows.
    package let parts: [NamedSignal]
    fileprivate let ffmpeg: FFmpeg

    /// - Parameters:
    ///   - path: path of the file, which appears when it is complete. Its folder must exist.
    ///   - parts: four parts that add up to the track.
    package init(path: String, format: StemFileFormat, parts: [NamedSignal], ffmpeg: FFmpeg) {
        precondition(parts.count == StemFileFormat.stemCount)
        self.path = path
        self.format = format
        self.parts = parts
        self.ffmpeg = ffmpeg
    }
}

/// Writes the tracks of a stem file.
package final class StemFileWriter: Sendable {
    private static let mixName = "Mix"

    /// Outputs of the mix, then of the stems, each to a temporary file.
    let tracks: [StemOutput]
    let trackOptions: OutputOptions

    var path: String { output.path }

    private let output: StemFileOutput
    private let shape: SignalShape
    private let descriptors: [Int32]

    /// Opens the temporary files.
    ///
    /// - Throws: `AudioError` `unsupportedOutput` or `unwritable`.
    init(
        _ output: StemFileOutput, shape: SignalShape, options: OutputOptions
    ) throws(AudioError) {
        if let problem = output.format.problem(
            channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz)
        {
            throw .unsupportedOutput(path: output.path, problem: problem)
        }
        self.output = output
        self.shape = shape
        var trackOptions = options
        trackOptions.format = .wav(output.format.storedFormat(options.format.sampleFormat))
        // Its codecs store integers.
        if trackOptions.clipMode == .off { trackOptions.clipMode = .none }
        trackOptions.spoolFolder = options.spoolFolder ?? FilePath.folder(of: output.path)
        self.trackOptions = trackOptions
        let parts = [NamedSignal(Self.mixName, .mixture)] + output.parts
        var descriptors: [Int32] = []
        do {
            for _ in parts {
                descriptors.append(
                    try TemporaryFiles.createUnnamed(
                        in: trackOptions.spoolFolder, for: output.path))
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            throw error
        }
        self.descriptors = descriptors
        tracks = zip(parts, descriptors).map {
            $0.written(to: .descriptor($1))
        }
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    /// Adds the sizes of the temporary files. The size of a lossless stem file is not known; it is
    /// less than that of the temporary files, which are freed at the last copy.
    func reserve(_ space: inout DiskSpace) throws(SeparationError) {
        let values = shape.sampleCount * shape.channelCount * tracks.count
        let sampleBytes = trackOptions.format.storedFormat.sampleBytes
        let spoolBytes = trackOptions.clipMode == .rescale ? MemoryLayout<Float>.stride : 0
        try space.add(
            values * (sampleBytes + spoolBytes),
            in: trackOptions.spoolFolder ?? FilePath.temporaryFolder)
        try space.add(0, in: FilePath.folder(of: output.path))
    }

    /// Encodes the complete tracks into the stem file.
    ///
    /// - Parameters:
    ///   - reports: reports of the tracks.
    ///   - tags: title, artist and so on; `nil` writes neither tags nor a cover.
    func finish(
        _ reports: ArraySlice<TrackReport.Output>, tags: AudioTags?, cancellation: CancellationToken
    ) throws -> TrackReport.Output {
        try cancellation.check()
        let written = try output.ffmpeg.writeStemFile(
            zip(tracks, descriptors).map { ($0.name, $1) },
            isMono: shape.channelCount == 1,
            sampleFormat: trackOptions.format.storedFormat, format: output.format, tags: tags,
            to: path,
            spool: Spool(folder: trackOptions.spoolFolder) { cancellation.isCancelled })
        return TrackReport.Output(
            name: output.format.fileExtension, path: output.path,
            peak: reports.reduce(0) { max($0, $1.peak) }, gain: reports.first?.gain ?? 1,
            durationSeconds: Double(shape.sampleCount) / Double(shape.sampleRateHz),
            sha256: written.sha256, bytes: written.count,
            limitedSamples: reports.reduce(0) { $0 + $1.limitedSamples })
    }
}
