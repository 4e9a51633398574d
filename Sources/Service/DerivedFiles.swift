// Files that are made from results on request: other formats, mixes, waveforms.

import Analysis
import Audio
import Demucs
import Signal
import System

/// Makes each file once, and stores it in the cache.
struct DerivedFiles: Sendable {
    let folder: DataFolder
    private let slots: WorkSlots

    /// - Parameter slots: limit the files that are made at once.
    init(_ folder: DataFolder, _ slots: WorkSlots) {
        self.folder = folder
        self.slots = slots
    }

    /// Opens a file of the cache; makes it first if it is missing.
    ///
    /// - Parameter make: writes the file to a path.
    /// - Throws: `Problem`, `CancellationError` if the client has gone, the errors of `make`.
    private func cached(
        _ job: Job, _ name: String, for request: Request, make: (_ path: String) throws -> Void
    ) throws -> OpenFile {
        if let file = try folder.openCached(job.id, name) { return file }
        return try slots.run("\(job.id)/\(name)", for: request) {
            if let file = try folder.openCached(job.id, name) { return file }
            mkdir(folder.cache(of: job.id), 0o700)
            do {
                try make("\(folder.cache(of: job.id))/\(name)")
            } catch {
                // The job may have been removed while its file was being made.
                if FilePath.isMissing(folder.results(of: job.id)) { throw DerivedFiles.gone }
                throw error
            }
            guard let file = try folder.openCached(job.id, name) else { throw DerivedFiles.gone }
            return file
        }
    }

    /// Opens a file of a part of the stems. A small part is made again for each request: there can be
    /// millions of them.
    private func part(
        _ job: Job, _ range: TimeRange, _ name: String, for request: Request,
        make: (_ path: String) throws -> Void
    ) throws -> OpenFile {
        let end = Int(((job.durationSeconds ?? 0) * Double(job.rateHz)).rounded(.up))
        let samples = range.samples(rateHz: job.rateHz).clamped(to: 0..<max(end, 1)).count
        let bytes = samples * job.channels * MemoryLayout<Float>.stride
        guard !range.isWhole, bytes < DerivedFiles.leastStoredBytes else {
            return try cached(job, name, for: request, make: make)
        }
        return try slots.run("\(job.id)/\(name)", for: request) { try temporary(make) }
    }

    /// Opens a file that is made for one request.
    private func temporary(_ make: (_ path: String) throws -> Void) throws -> OpenFile {
        let path = folder.newPart()
        defer { unlink(path) }
        try make(path)
        guard let file = try OpenFile(open(path, O_RDONLY | O_CLOEXEC)) else {
            throw DerivedFiles.gone
        }
        return file
    }

    /// Bytes of the floats in the smallest part that is stored.
    private static let leastStoredBytes = 1 << 20
    /// Most files in the cache: sizes are bounded apart from this.
    private static let mostFiles = 10_000

    /// Keeps the most recently used files of the cache that have at most this size together, and
    /// removes the others, except files that are being made.
    func shrinkCache(toBytes limit: Int) {
        var bytes = 0
        for (index, file) in folder.cachedFiles().enumerated() {
            if index < DerivedFiles.mostFiles, bytes + file.bytes <= limit {
                bytes += file.bytes
            } else {
                slots.unlessUnderWay(file.name) { folder.removeCached(file) }
            }
        }
    }

    private static let gone = Problem(.notFound, "The job's files were removed.")

    /// Opens a stem, or a part of it, in a format.
    func stem(
        _ stem: Job.Stem, of job: Job, _ range: TimeRange, format: SeparationRequest.Format,
        for request: Request
    ) throws -> OpenFile {
        if range.isWhole, FilePath.pathExtension(of: stem.file) == format.rawValue {
            guard let file = try folder.open(folder.results(of: job.id), stem.file) else {
                throw DerivedFiles.gone
            }
            return file
        }
        let name = "\(FilePath.stem(of: stem.file))\(range.key).\(format.rawValue)"
        return try part(job, range, name, for: request) { path in
            try mix(job, [(stem, MixStrip(gain: 1))], range, to: path, format: format, for: request)
        }
    }

    /// Opens a weighted sum of stems, or a part of it.
    ///
    /// - Parameter strips: gain and pan of the stems, in their order.
    func mix(
        _ job: Job, strips: [MixStrip], _ range: TimeRange, format: SeparationRequest.Format,
        for request: Request
    ) throws -> (file: OpenFile, tag: String) {
        let numbers = strips.map { "\($0.gain) \($0.pan)" }
        let text = "\(job.key) \(numbers)\(range.key) \(format.rawValue)"
        let tag = String(SHA256(of: text).hexadecimal.prefix(32))
        let file = try part(job, range, "mix-\(tag).\(format.rawValue)", for: request) { path in
            try mix(
                job, Array(zip(job.stems, strips)), range, to: path, format: format, for: request)
        }
        return (file, tag)
    }

    private func mix(
        _ job: Job, _ parts: [(stem: Job.Stem, strip: MixStrip)], _ range: TimeRange,
        to path: String, format: SeparationRequest.Format, for request: Request
    ) throws {
        let parts = parts.filter { $0.strip.gain != 0 || parts.count == 1 }
        try write(
            to: path, job.options.outputFormat(format),
            try tags(of: job, stem: parts.count == 1 ? parts[0].stem : nil)
        ) { body in try forEachBlock(job, parts, range, for: request, body) }
    }

    /// The tags of a stem, or of the mix: its title is the song's without the stem's name.
    func tags(of job: Job, stem: Job.Stem?) throws -> AudioTags {
        guard let named = stem ?? job.stems.first else { throw DerivedFiles.gone }
        var tags = try sound(named, of: job).tags
        tags.isStem = true
        let ending = " (\(named.name))"
        if stem == nil, let title = tags.title, title.hasSuffix(ending) {
            tags.title = String(title.dropLast(ending.count))
        }
        return tags
    }

    /// Writes a sound, which is scaled down if it is beyond full scale: a first pass finds its peak.
    ///
    /// - Parameters:
    ///   - forEachBlock: calls its argument with all blocks of the sound, each time the same ones.
    private func write(
        to path: String, _ format: OutputFormat, _ tags: AudioTags,
        _ forEachBlock: ((PlanarAudio) throws -> Void) throws -> Void
    ) throws {
        var peak: Float = 0
        try forEachBlock { peak = max(peak, $0.peak) }
        var writer: AudioWriter?
        try forEachBlock { block in
            if writer == nil {
                writer = try AudioWriter(
                    to: .file(path), channelCount: block.channelCount,
                    sampleRateHz: block.sampleRateHz, sampleCount: nil, format: format,
                    clip: .rescale, divisor: max(peak, 1), rounding: .nearest, tags: tags)
            }
            try writer?.append(block)
        }
        guard let writer else { throw DerivedFiles.gone }
        try writer.finish()
    }

    /// Opens a sound in another format; with ffmpeg in M4A, which is made of that format, WAV.
    func converted(
        _ input: JobInput, to format: SeparationRequest.Format, _ tags: AudioTags,
        _ ffmpeg: FFmpeg?, for request: Request
    ) throws -> OpenFile {
        func convert(to path: String) throws {
            try write(
                to: path, SeparationRequest().outputFormat(format), tags
            ) { body in
                let reader = try input.audio.reader()
                while let block = try reader.next() {
                    try slots.check(request)
                    try body(block)
                }
            }
        }
        return try temporary { path in
            guard let ffmpeg else { return try convert(to: path) }
            try ffmpeg.writeMP4(["mix"], .int16, tags: tags, to: path, spool(request)) {
                try convert(to: $1)
            }
        }
    }

    /// Opens a stem file for DJ software, of four stems that add up to the track.
    func stemFile(
        of job: Job, _ stems: [Job.Stem], _ ffmpeg: FFmpeg, for request: Request
    ) throws -> OpenFile {
        try cached(job, "song.stem.mp4", for: request) { path in
            try ffmpeg.writeMP4(
                ["mix"] + stems.map(\.name), job.options.sampleFormat,
                isMono: job.channels == 1, tags: tags(of: job, stem: nil), to: path, spool(request)
            ) { index, path in
                let parts = index == 0 ? stems : [stems[index - 1]]
                try mix(
                    job, parts.map { ($0, MixStrip(gain: 1)) }, TimeRange(), to: path, format: .wav,
                    for: request)
            }
        }
    }

    private func spool(_ request: Request) -> Spool {
        // ffmpeg runs on the request's own thread.
        nonisolated(unsafe) let ownRequest = request
        return Spool(folder: folder.temporary) { [slots] in
            (try? slots.check(ownRequest)) == nil
        }
    }

    private func reader(_ stem: Job.Stem, of job: Job) throws -> any RecordingReader {
        try sound(stem, of: job).reader()
    }

    private func sound(_ stem: Job.Stem, of job: Job) throws -> AudioInput {
        guard let file = try folder.open(folder.results(of: job.id), stem.file) else {
            throw DerivedFiles.gone
        }
        return try AudioInput(
            descriptor: file.descriptor, name: stem.name, spool: Spool(folder: folder.temporary),
            ffmpeg: nil)
    }

    /// Sums a part of stems, block by block.
    private func forEachBlock(
        _ job: Job, _ parts: [(stem: Job.Stem, strip: MixStrip)], _ range: TimeRange,
        for request: Request,
        _ body: (PlanarAudio) throws -> Void
    ) throws {
        // A mix without stems is silence, as long as the first stem.
        let all = parts.isEmpty ? job.stems.prefix(1).map { ($0, MixStrip(gain: 0)) } : parts
        let readers = try all.map { try reader($0.0, of: job) }
        let isPanned = all.contains { $0.1.pan != 0 }
        let wanted = range.samples(rateHz: readers.first?.sampleRateHz ?? 1)
        var end = 0
        while end < wanted.upperBound {
            try slots.check(request)
            // All stems have the same length, and every reader gives the same blocks.
            let blocks = try readers.compactMap { try $0.next() }
            guard let first = blocks.first, blocks.count == readers.count else { return }
            var sum = PlanarAudio(
                channelCount: isPanned ? max(first.channelCount, 2) : first.channelCount,
                sampleRateHz: first.sampleRateHz, zeros: first.sampleCount)
            for (block, (_, strip)) in zip(blocks, all) { strip.add(block, to: &sum) }
            let start = end
            end += sum.sampleCount
            let part = wanted.clamped(to: start..<end)
            if part.count == sum.sampleCount {
                try body(sum)
            } else if !part.isEmpty {
                var excerpt = PlanarAudio(
                    channelCount: sum.channelCount, sampleRateHz: sum.sampleRateHz)
                excerpt.append(sum, part.lowerBound - start..<part.upperBound - start)
                try body(excerpt)
            }
        }
    }

    // MARK: - Waveforms

    private static let waveformFile = "waveforms"

    /// A part of the waveforms of all stems as JSON.
    ///
    /// - Parameter part: the finished part of a running job, whose rest is silent; nil for a job that has
    ///   ended.
    func peaks(
        of job: Job, _ range: TimeRange, mostPoints: Int, part: GrowingStems.Part?,
        for request: Request
    ) throws -> [UInt8] {
        try slots.run("\(job.id)/\(DerivedFiles.waveformFile)", for: request) {
            let waveforms =
                try part.map { Waveforms($0.waveforms, sampleCount: $0.sampleCount) }
                ?? waveforms(of: job, for: request)
            return waveforms.json(
                range, mostPoints: mostPoints, names: job.stems.map(\.name),
                readySeconds: part?.readySeconds)
        }
    }

    private func waveforms(of job: Job, for request: Request) throws -> Waveforms {
        if let file = try folder.openCached(job.id, DerivedFiles.waveformFile),
            let stored = Waveforms(stored: try file.contents()), stored.stemCount == job.stems.count
        {
            return stored
        }
        // Missing or damaged.
        let made = Waveforms(
            try job.stems.map { stem in
                try Waveforms.Stem(reader(stem, of: job)) { try slots.check(request) }
            })
        try store(made, of: job.id)
        return made
    }

    func store(_ waveforms: Waveforms, of id: String) throws {
        try store(waveforms.stored, DerivedFiles.waveformFile, of: id)
    }

    private func store(_ bytes: [UInt8], _ name: String, of id: String) throws {
        mkdir(folder.cache(of: id), 0o700)
        try OwnFile.replace("\(folder.cache(of: id))/\(name)", with: bytes)
    }

    // MARK: - Analysis

    /// Tempo, beats and key as JSON, found in the stems that add up to the track.
    func analysis(of job: Job, for request: Request) throws -> [UInt8] {
        try cached(job, DerivedFiles.analysisFile, for: request) { _ in
            try analyze(job) { try slots.check(request) }
        }.contents()
    }

    private static let analysisFile = "analysis"

    /// Finds tempo, beats and key in the stems, and stores them.
    ///
    /// - Parameter goOn: called now and then; its error ends the work.
    @discardableResult
    func analyze(_ job: Job, goOn: () throws -> Void) throws -> MusicAnalysis {
        let stems = job.stems.filter(\.isPart)
        let analysis = try MusicAnalysis.of(
            stems: stems.map(\.name), open: { try stems.map { try reader($0, of: job) } },
            goOn: goOn)
        try store(JSON.object(analysis.fields).bytes, DerivedFiles.analysisFile, of: job.id)
        return analysis
    }

    /// The parts of an analysis for names of files, by the words of ``Service/nameWords``.
    func musicInNames(of job: Job, for request: Request) throws -> [String: String] {
        // The members that names of files can have.
        struct Music: Decodable {
            let tempoBpm: Double?
            let key: String?
        }
        let music: Music? = JSONText.value(try analysis(of: job, for: request))
        var names: [String: String] = [:]
        names["tempo"] = (music?.tempoBpm).map { "\($0.fixed(1)) BPM" }
        names["key"] = music?.key
        return names
    }

    /// The schema of ``analysis(of:for:)``.
    static let analysisSchema = JSONSchema.fields([
        "tempo_bpm": .number.orNull.about(
            "Beats per minute; null for less than four seconds, or without onsets."),
        "beats": .list(of: .number).about("Times in seconds."),
        "downbeats": .list(of: .number).about("The first beat of each bar."),
        "metre": .string.orNull.about("A guess, such as 4/4; null without beats."),
        "downbeat_confidence": .number.orNull.about(
            "How clearly these are the downbeats, 0 to 1; null without beats."),
        "key": .string.orNull.about("Such as Bb major or F# minor; null without pitches."),
    ])
}
