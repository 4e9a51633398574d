// A list of tracks of any length, checked as a whole before the first one is separated.

import Demucs
import System

/// A manifest without errors. Its tracks are read again one by one, so memory hardly grows with
/// their number: 8 bytes for each during the check.
package struct TrackManifest {
    private let file: ManifestFile
    private let shard: Shard?
    /// Number of tracks in the shard, or in all; nil for a manifest that is followed.
    let count: Int?
    /// The longest segment that a track asks for; only the model knows whether that is possible.
    private let longestSegment: (line: Int, options: SeparationOptions)?
    /// Lists of stems that tracks ask for, with the first line and request of each.
    private let stemLists: [String: (line: Int, request: SeparationRequest)]

    /// Name of the file in messages.
    var name: String { file.name }
    /// The file itself, whatever its path.
    var identity: FileIdentity? { file.identity }

    /// Whether a track may ask for stems that the command doesn't.
    var mayHaveStems: Bool { file.isFollowed || !stemLists.isEmpty }

    /// Checks all lines, also those of other shards: an invalid manifest fails in every shard
    /// alike.
    ///
    /// - Throws: `RunError` for the first fault, `CancellationError`.
    package init(
        _ path: String, settings: RunSettings, cancellation: CancellationToken
    ) throws {
        file = try ManifestFile(
            path, isFollowed: settings.isFollowing, spoolFolder: settings.output.spoolFolder,
            cancellation: cancellation)
        shard = settings.shard
        if file.isFollowed {
            count = nil
            longestSegment = nil
            stemLists = [:]
            return
        }
        var reader = ManifestReader(file)
        var hashes = ContiguousArray<UInt64>()
        var longestSegment: (line: Int, options: SeparationOptions)?
        var stemLists: [String: (line: Int, request: SeparationRequest)] = [:]
        while let track = try reader.next() {
            if hashes.count.isMultiple(of: 1024) { try cancellation.check() }
            let request = try Self.request(of: track, settings, in: file)
            let separation = request.separation
            if let stems = track.stems, stemLists[stems] == nil {
                stemLists[stems] = (track.line, request)
            }
            if !track.options.isEmpty, let seconds = separation.segmentSeconds,
                seconds > longestSegment?.options.segmentSeconds ?? 0
            {
                longestSegment = (track.line, separation)
            }
            hashes.append(Shard.hash(track.id))
        }
        if hashes.isEmpty { throw file.failure(nil, "the manifest has no tracks") }
        count = shard.map { hashes.count(where: $0.contains) } ?? hashes.count
        self.longestSegment = longestSegment
        self.stemLists = stemLists
        hashes.sort()
        try Self.checkIDs(Set(zip(hashes, hashes.dropFirst()).filter(==).map(\.0)), in: file)
    }

    /// Finds the first id that appears twice.
    ///
    /// - Parameter hashes: hashes that more than one id has; different ids may have the same hash.
    private static func checkIDs(_ hashes: Set<UInt64>, in file: ManifestFile) throws(RunError) {
        if hashes.isEmpty { return }
        var lines: [String: Int] = [:]
        var reader = ManifestReader(file)
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

    /// The request of a track: the command's, changed by the track's own options.
    private static func request(
        of track: ManifestTrack, _ settings: RunSettings, in file: ManifestFile
    ) throws(RunError) -> SeparationRequest {
        if track.options.isEmpty { return settings.request }
        var request = settings.request
        do throws(RequestError) {
            for (field, value) in track.options { try field.set(value, in: &request) }
            try request.validate(given: settings.givenFields + track.options.map(\.field.name))
            try settings.checkStems(of: request)
        } catch {
            let error = error.withValueAsGiven { name in
                track.options.first { $0.field.name == name }?.value
            }
            throw .trackRequest(place: file.place(track.line), error)
        }
        return request
    }

    // MARK: - Reading again

    /// Reads the tracks of all shards.
    var reader: ManifestReader { ManifestReader(file) }

    /// The next track of the shard, in the order of the lines; nil after the last.
    ///
    /// - Throws: `RunError` for an invalid line of a file that was not checked, or was changed.
    func next(
        _ reader: inout ManifestReader, _ settings: RunSettings, of stems: ModelStems
    ) throws(RunError) -> InputTrack? {
        while let track = try reader.next() {
            if let shard, !shard.contains(Shard.hash(track.id)) { continue }
            let request = try Self.request(of: track, settings, in: file)
            return InputTrack(
                path: track.path, id: track.id, request: request,
                outputs: try track.stems.map { _ throws(RunError) in
                    try outputs(request, stems, track.line)
                })
        }
        return nil
    }

    // MARK: - Against the model

    /// Checks the tracks' own lists of stems.
    func validateStems(of known: ModelStems) throws(RunError) {
        for (line, request) in stemLists.values.sorted(by: { $0.line < $1.line }) {
            _ = try outputs(request, known, line)
        }
    }

    private func outputs(
        _ request: SeparationRequest, _ stems: ModelStems, _ line: Int
    ) throws(RunError) -> [NamedSignal] {
        do throws(RequestError) {
            return try request.outputs(of: stems)
        } catch {
            throw .trackRequest(place: file.place(line), error)
        }
    }

    /// Checks the longest segment against the model.
    ///
    /// - Parameter validate: throws `SeparationError.invalidOption` for a segment that is too long.
    /// - Throws: `RunError`.
    func validateSegments(_ validate: (SeparationOptions) throws -> Void) throws {
        guard let longestSegment else { return }
        do {
            try validate(longestSegment.options)
        } catch let error as SeparationError {
            throw RunError.trackRequest(
                place: file.place(longestSegment.line), RequestError(error))
        }
    }
}
