// `--manifest`: a list of tracks of any length, checked as a whole before the first one is separated.

import Demucs
import HTDemucs

/// A manifest without errors. Its tracks are read again one by one, so memory hardly grows with their
/// number: 8 bytes each during the check.
struct TrackManifest {
    private let file: ManifestFile
    private let shard: Shard?
    /// Tracks of the shard, or all.
    let count: Int
    /// The longest segment that a track asks for; only the model knows whether it can be.
    private let longestSegment: (line: Int, options: SeparationOptions)?

    /// Checks all lines, those of other shards too: all shards of a faulty manifest fail alike.
    ///
    /// - Throws: `UsageError` for the first fault, `CancellationError`.
    init(
        _ path: String, settings: SeparateCommand.Settings, cancellation: CancellationToken
    ) throws {
        file = try ManifestFile(
            path, spoolFolder: settings.output.spoolFolder, cancellation: cancellation)
        shard = settings.shard
        var reader = try ManifestReader(file)
        var hashes = ContiguousArray<UInt64>()
        var count = 0
        var longestSegment: (line: Int, options: SeparationOptions)?
        while let track = try reader.next() {
            if hashes.count.isMultiple(of: 1024) { try cancellation.check() }
            let separation = try Self.options(of: track, settings, in: file).separation
            if !track.options.isEmpty, let seconds = separation.segmentSeconds,
                seconds > longestSegment?.options.segmentSeconds ?? 0
            {
                longestSegment = (track.line, separation)
            }
            let hash = Shard.hash(track.id)
            hashes.append(hash)
            if shard?.contains(hash) ?? true { count += 1 }
        }
        if hashes.isEmpty { throw file.failure(nil, "the manifest has no tracks") }
        self.count = count
        self.longestSegment = longestSegment
        hashes.sort()
        try Self.checkIDs(Set(zip(hashes, hashes.dropFirst()).filter(==).map(\.0)), in: file)
    }

    /// Finds the first id that appears twice.
    ///
    /// - Parameter hashes: of more than one id each; different ids may have the same one.
    private static func checkIDs(_ hashes: Set<UInt64>, in file: ManifestFile) throws(UsageError) {
        if hashes.isEmpty { return }
        var lines: [String: Int] = [:]
        var reader = try ManifestReader(file)
        while let track = try reader.next() {
            guard hashes.contains(Shard.hash(track.id)) else { continue }
            if let first = lines.updateValue(track.line, forKey: track.id) {
                throw file.failure(
                    track.line,
                    "the id '\(track.id)' is that of line \(first) too; each track "
                        + "needs an id of its own, which names its files")
            }
        }
    }

    /// The separation of a track: the command's options, and its own instead of them.
    private static func options(
        of track: ManifestTrack, _ settings: SeparateCommand.Settings, in file: ManifestFile
    ) throws(UsageError) -> (separation: SeparationOptions, excerpt: Excerpt?) {
        if track.options.isEmpty { return (settings.separation, settings.excerpt) }
        var arguments = settings.arguments
        for (option, value) in track.options { arguments.set(option, value) }
        do {
            let separation = try SeparateCommand.Settings.separation(arguments)
            try separation.validate()
            return (separation, try SeparateCommand.Settings.excerpt(arguments))
        } catch {
            let usage = (error as? SeparationError).flatMap { UsageError($0, arguments) }
            throw file.failure(track.line, "\(usage ?? error)")
        }
    }

    // MARK: - Reading again

    /// The tracks of the shard, in the order of their lines.
    struct Tracks {
        private let manifest: TrackManifest
        private let settings: SeparateCommand.Settings
        private var reader: ManifestReader

        fileprivate init(
            _ manifest: TrackManifest, _ settings: SeparateCommand.Settings
        ) throws(UsageError) {
            self.manifest = manifest
            self.settings = settings
            reader = try ManifestReader(manifest.file)
        }

        /// - Throws: `UsageError` if the file was changed to a faulty one.
        mutating func next() throws(UsageError) -> InputTrack? {
            while let track = try reader.next() {
                if let shard = manifest.shard, !shard.contains(Shard.hash(track.id)) { continue }
                let options = try TrackManifest.options(of: track, settings, in: manifest.file)
                return InputTrack(
                    path: track.path, id: track.id, separation: options.separation,
                    excerpt: options.excerpt)
            }
            return nil
        }
    }

    func tracks(_ settings: SeparateCommand.Settings) throws(UsageError) -> Tracks {
        try Tracks(self, settings)
    }

    /// Checks the longest segment against the model.
    ///
    /// - Parameter validate: throws `SeparationError.invalidOption` for a segment that is too long.
    /// - Throws: `UsageError`.
    func validateSegments(_ validate: (SeparationOptions) throws -> Void) throws {
        guard let longestSegment else { return }
        do {
            try validate(longestSegment.options)
        } catch {
            let usage = (error as? SeparationError).flatMap { UsageError($0, ParsedArguments()) }
            throw file.failure(longestSegment.line, "\(usage ?? error)")
        }
    }
}
