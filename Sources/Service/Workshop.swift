// Files that are made from results on request: other formats, mixes, waveforms.

import Audio
import Files
import LibC
import Signal
import Tensor

/// Makes each file once, and stores it in the cache.
final class Workshop: @unchecked Sendable {
    // @unchecked: the condition guards the set.

    let folder: DataFolder
    private let condition = Condition()
    private var underWay: Set<String> = []

    init(_ folder: DataFolder) { self.folder = folder }

    /// Opens a file of the cache; makes it first if it is missing.
    ///
    /// - Parameter make: writes the file to a path.
    /// - Throws: `Problem`, the errors of `make`.
    private func cached(
        _ job: Job, _ name: String, make: (_ path: String) throws -> Void
    ) throws -> (descriptor: Int32, bytes: Int) {
        let key = "\(job.id)/\(name)"
        condition.withLock {
            while underWay.contains(key) { condition.wait() }
            underWay.insert(key)
        }
        defer {
            condition.withLock {
                underWay.remove(key)
                condition.broadcast()
            }
        }
        if let file = folder.open(folder.cache, job.id, name) { return file }
        mkdir(folder.cache(of: job.id), 0o700)
        do {
            try make("\(folder.cache(of: job.id))/\(name)")
        } catch {
            // The job may have been removed while its file was being made.
            if FilePath.status(folder.results(of: job.id)) == nil { throw Workshop.gone }
            throw error
        }
        guard let file = folder.open(folder.cache, job.id, name) else { throw Workshop.gone }
        return file
    }

    /// Removes the cache of a job, unless one of its files is being made.
    ///
    /// - Returns: whether it was removed.
    func removeCache(of id: String) -> Bool {
        condition.withLock {
            if underWay.contains(where: { $0.hasPrefix("\(id)/") }) { return false }
            DataFolder.remove(folder.cache(of: id))
            return true
        }
    }

    private static let gone = Problem(.notFound, "The job's files were removed.")

    /// Opens a stem in a format.
    func stem(
        _ stem: Job.Stem, of job: Job, format: JobOptions.Format
    ) throws -> (descriptor: Int32, bytes: Int) {
        if format == job.options.format {
            guard let file = folder.open(folder.results, job.id, stem.file) else {
                throw Workshop.gone
            }
            return file
        }
        return try cached(job, "\(FilePath.stem(of: stem.file)).\(format.rawValue)") { path in
            try mix(job, [(stem, MixStrip(gain: 1))], to: path, format: format)
        }
    }

    /// Opens a weighted sum of stems.
    ///
    /// - Parameter gains: gain and pan of the stems, in their order.
    func mix(
        _ job: Job, strips: [MixStrip], format: JobOptions.Format
    ) throws -> (file: (descriptor: Int32, bytes: Int), tag: String) {
        var hash = SHA256()
        let numbers = strips.map { "\($0.gain) \($0.pan)" }
        hash.update(Array("\(job.key) \(numbers) \(format.rawValue)".utf8))
        let tag = String(hash.hexadecimal.prefix(32))
        let file = try cached(job, "mix-\(tag).\(format.rawValue)") { path in
            try mix(job, Array(zip(job.stems, strips)), to: path, format: format)
        }
        return (file, tag)
    }

    private func mix(
        _ job: Job, _ parts: [(stem: Job.Stem, strip: MixStrip)], to path: String,
        format: JobOptions.Format
    ) throws {
        let parts = parts.filter { $0.strip.gain != 0 || parts.count == 1 }
        // The first pass finds the peak: a sum beyond full scale is scaled down, not clipped.
        var peak: Float = 0
        if parts.count > 1 || parts.contains(where: { $0.strip.canRaisePeak }) {
            try forEachBlock(job, parts) { peak = max(peak, $0.peak) }
        }
        var writer: AudioWriter?
        try forEachBlock(job, parts) { block in
            if writer == nil {
                writer = try AudioWriter(
                    to: .file(path), channelCount: block.channelCount,
                    sampleRateHz: block.sampleRateHz, sampleCount: nil,
                    format: job.options.outputFormat(format), clip: .rescale,
                    divisor: max(peak, 1))
            }
            try writer?.append(block)
        }
        guard let writer else { throw Workshop.gone }
        try writer.finish()
    }

    /// Opens a stem for decoding.
    func reader(_ stem: Job.Stem, of job: Job) throws -> AudioReader {
        guard let file = folder.open(folder.results, job.id, stem.file) else { throw Workshop.gone }
        return try AudioInput(
            descriptor: file.descriptor, name: stem.name, spool: Spool(folder: folder.temporary),
            ffmpeg: nil
        ).reader()
    }

    /// Sums stems, block by block.
    private func forEachBlock(
        _ job: Job, _ parts: [(stem: Job.Stem, strip: MixStrip)],
        _ body: (PlanarAudio) throws -> Void
    ) throws {
        // A mix without stems is silence, as long as the first stem.
        let all = parts.isEmpty ? job.stems.prefix(1).map { ($0, MixStrip(gain: 0)) } : parts
        let readers = try all.map { try reader($0.0, of: job) }
        let isPanned = all.contains { $0.1.pan != 0 }
        while true {
            // All stems have the same length, and every reader gives the same blocks.
            let blocks = try readers.compactMap { try $0.next() }
            guard let first = blocks.first, blocks.count == readers.count else { return }
            var sum = PlanarAudio(
                channelCount: isPanned ? max(first.channelCount, 2) : first.channelCount,
                sampleRateHz: first.sampleRateHz, zeros: first.sampleCount)
            for (block, (_, strip)) in zip(blocks, all) { strip.add(block, to: &sum) }
            try body(sum)
        }
    }

    // MARK: - Waveforms

    /// The waveforms of all stems.
    func waveforms(of job: Job) throws -> Waveforms {
        let file = try cached(job, "waveforms") { path in
            let measured = try job.stems.map { try Waveforms.Stem(reader(_: $0, of: job)) }
            try replaceFile(at: path, with: Waveforms(measured).stored)
        }
        defer { close(file.descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: file.bytes) { buffer, count in
            count =
                (try? readAll(
                    into: UnsafeMutableRawBufferPointer(buffer), from: file.descriptor, at: 0)) ?? 0
        }
        guard let waveforms = Waveforms(stored: bytes) else {
            throw Problem(.failed, "The waveforms of the job can't be read. Delete the job.")
        }
        return waveforms
    }

    func waveform(_ stem: Job.Stem, of job: Job) throws -> Waveforms.Stem {
        try Waveforms.Stem(reader(stem, of: job))
    }
}
