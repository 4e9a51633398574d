import Audio
import Demucs
import Signal
import Synchronization
import System
import Tracks

/// A WAV file of float samples for each stem of a running job, which clients read while it grows. Its
/// header has the length of the whole stem.
///
/// The samples are those of the stems before their gain, which is known at the end only. The job's
/// thread appends; any thread reads.
final class GrowingStems: StemObserver, @unchecked Sendable {
    // @unchecked: the job's thread alone uses what the lock doesn't guard.

    /// Samples of a stem that clients should ask for at once: a song is heard as soon as the first
    /// segment of a model is finished.
    static let pieceFrames = 1 << 16

    /// The range that clients may read.
    struct Part: Sendable {
        let header: WAVHeader
        /// Samples of each channel of the whole stems, and of their finished part.
        let sampleCount: Int
        var readySamples = 0
        var waveforms: [Waveforms.Stem]
        var peaks: [Float]

        var readySeconds: Double { Double(readySamples) / Double(header.sampleRateHz) }

        /// Bytes of a file with so many samples.
        func fileBytes(_ samples: Int) -> Int {
            header.bytes(sampleCount: sampleCount).count
                + samples * header.channelCount * MemoryLayout<Float>.stride
        }
    }

    private let signals: [NamedSignal]
    /// The folder of the files, which this object removes.
    private let folder: String
    private var sources: [SignalSource] = []
    private var descriptors: [Int32] = []
    private let shared = Mutex<Part?>(nil)

    /// - Parameter folder: to make for the files.
    init(_ signals: [NamedSignal], in folder: String) {
        self.signals = signals
        self.folder = folder
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
        DataFolder.remove(folder)
    }

    /// The finished part; nil before the separation begins.
    var part: Part? { shared.withLock { $0 } }

    private static func fileName(_ index: Int) -> String { "\(index).wav" }

    // MARK: - Growing

    func begin(_ track: ObservedTrack) throws {
        let shape = track.shape
        var header = WAVHeader(
            channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz, format: .float32)
        header.hasLongSizes = header.needsLongSizes(sampleCount: shape.sampleCount)
        DataFolder.remove(folder)
        guard mkdir(folder, 0o700) == 0 else { throw GrowingStems.unwritable }
        sources = signals.map { SignalSource($0.signal, stems: track.stems, shape: shape) }
        for index in signals.indices {
            let path = "\(folder)/\(GrowingStems.fileName(index))"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw GrowingStems.unwritable }
            descriptors.append(descriptor)
            try write(header.bytes(sampleCount: shape.sampleCount), index)
        }
        shared.withLock {
            $0 = Part(
                header: header, sampleCount: shape.sampleCount,
                waveforms: signals.map { _ in
                    Waveforms.Stem(
                        channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz)
                },
                peaks: signals.map { _ in 0 })
        }
    }

    func append(_ block: StemBlock) throws {
        let blocks = try sources.indices.map { try sources[$0].append(block) }
        for (index, audio) in blocks.enumerated() {
            try write(audio.interleaved, index)
        }
        shared.withLock { shared in
            guard var part = shared.take() else { return }
            for (index, audio) in blocks.enumerated() {
                part.waveforms[index].append(audio)
                part.peaks[index] = max(part.peaks[index], audio.peak)
            }
            part.readySamples += blocks.first?.sampleCount ?? 0
            shared = part
        }
    }

    private func write(_ values: [some Any], _ index: Int) throws {
        do {
            try values.withUnsafeBytes { try writeAll($0, to: descriptors[index]) }
        } catch {
            throw GrowingStems.unwritable
        }
    }

    private static var unwritable: AudioError { .unwritable(path: "the results", .last) }

    // MARK: - The end

    /// Makes the finished part the result of a job that was cancelled.
    ///
    /// - Parameter results: the folder that gets the files.
    /// - Returns: the stems; nil if nothing is finished.
    func keep(in results: String) throws -> (stems: [Job.Stem], part: Part)? {
        guard let part, part.readySamples > 0 else { return nil }
        let stems = try signals.indices.map { index in
            let header = part.header.bytes(sampleCount: part.readySamples)
            let file = GrowingStems.fileName(index)
            guard
                header.withUnsafeBytes({ pwrite(descriptors[index], $0.baseAddress, $0.count, 0) })
                    == header.count, rename("\(folder)/\(file)", "\(results)/\(file)") == 0
            else { throw GrowingStems.unwritable }
            return stem(
                index, part, samples: part.readySamples,
                sha256: try SHA256.hexadecimal(ofFile: "\(results)/\(file)"))
        }
        return (stems, part)
    }

    /// The stems for clients: their files so far.
    func stems(_ part: Part) -> [Job.Stem] {
        signals.indices.map { stem($0, part, samples: part.sampleCount, sha256: "") }
    }

    private func stem(_ index: Int, _ part: Part, samples: Int, sha256: String) -> Job.Stem {
        Job.Stem(
            name: signals[index].name, file: GrowingStems.fileName(index), peak: part.peaks[index],
            gain: 1, bytes: part.fileBytes(samples), sha256: sha256, isPart: signals[index].isPart)
    }
}
