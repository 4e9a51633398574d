// The record of a track in the ledger of runs. The format is described in docs/formats.md.

import CSwiftDemucs
import System

package struct TrackRecord: LedgerRecord {
    package static let currentVersion = 2

    package var version = currentVersion
    var program = SD_VERSION
    /// The id in a manifest; otherwise the path as given.
    let name: String
    /// The path as given.
    let path: String
    /// The model's folder.
    let model: String
    /// Queued during a try, so that a track that ends the process has had one.
    var state: TrackState
    /// What the track's files are; nil before the first success.
    var result: SeparationRecord?
    /// The failures since the last success.
    var failure: FailureRecord?
}

/// Failures of a track.
struct FailureRecord: Codable {
    /// Number of tries that ended with a failure of the track, or because the process ended.
    let tries: Int
    /// Number of tries after which the run doesn't try again; nil for no limit.
    let limit: Int?
    let errorClass: TrackFailure.Class
    let error: String
    /// Size and time of the track's file; nil if there was none.
    let inputBytes: Int?
    let inputModified: Int?
    let parameters: SeparationParameters

    init(
        _ failure: TrackFailure, of track: InputTrack, _ parameters: SeparationParameters,
        limit: Int?, after earlier: FailureRecord?
    ) {
        let counted = earlier.flatMap { $0.counts(for: track, parameters) ? $0.tries : nil }
        // A fault of the machine or the model doesn't count against the track.
        tries = (counted ?? 0) + (failure.cause.fault == .track ? 1 : 0)
        self.limit = limit
        errorClass = failure.kind
        error = failure.text
        let status = FilePath.status(track.path)
        inputBytes = status.map { Int($0.st_size) }
        inputModified = status?.modifiedNanoseconds
        self.parameters = parameters
    }

    /// Whether the failures are of the same file with the same parameters: others may succeed.
    func counts(for track: InputTrack, _ parameters: SeparationParameters) -> Bool {
        let status = FilePath.status(track.path)
        return inputBytes == status.map { Int($0.st_size) }
            && inputModified == status?.modifiedNanoseconds && self.parameters == parameters
    }
}

extension LedgerEntry {
    /// The entry of a track. Its folder is `OUT/.swift-demucs/song.mp3-29ca0592b85eda6b`: the name of
    /// the track, and a checksum of the first file's path below the output folder. So the folder
    /// may be moved.
    ///
    /// - Parameters:
    ///   - name: the id or the file name of the track.
    ///   - folder: the folder of the run.
    ///   - output: the path of the first file.
    init(named name: String, in folder: String, firstOutput output: String) {
        let checksum = SHA256(of: FilePath.relative(output, to: folder)).hexadecimal.prefix(16)
        self = Ledger(ofRun: folder)[Self.name(name, "-\(checksum)")]
    }

    /// A name with an ending. In a long name, a checksum replaces the last part.
    private static func name(_ name: String, _ ending: String) -> String {
        guard name.utf8.count + ending.utf8.count > FilePath.longestNameBytes else {
            return name + ending
        }
        let checksum = SHA256(of: name).hexadecimal.prefix(16)
        let room = FilePath.longestNameBytes - ending.utf8.count - checksum.utf8.count - 1
        var short = name
        while short.utf8.count > room { short.unicodeScalars.removeLast() }
        return "\(short)-\(checksum)\(ending)"
    }

    /// The track's record; nil if there is none, or none that can be used.
    func trackRecord() -> TrackRecord? { (try? read(TrackRecord.self)).flatMap(\.self) }

    /// Writes or removes the record. Errors are ignored: without a record the track is separated
    /// again next time.
    func replace(_ record: TrackRecord?) {
        do throws(LedgerError) { _ = try read(TrackRecord.self) } catch {
            // A record that may be right elsewhere or later stays.
            if error != .damaged { return }
        }
        if let record, (try? write(record)) != nil { return }
        // Also one that could not be replaced: it may count a try that was none.
        unlink(self.record)
    }
}

extension Ledger {
    private static let name = ".swift-demucs"

    /// The ledger of the runs with an output folder.
    init(ofRun folder: String) { self.init(FilePath.joined(folder, Self.name)) }

    /// Whether a run has kept records.
    var exists: Bool { OwnFile.isFolder(folder) }
}
