// Several runs that share an output folder: each track is separated by one of them.

import System

/// A track that this run separates, and no other. The claim ends with the process, even if that is killed.
struct TrackClaim {
    private let claim: TemporaryFiles.Claim?
    private let folder: String

    /// No claim: the work on a track that leaves no record can't be shared.
    init() { (claim, folder) = (nil, "") }

    /// Claims a track; nil if another run has claimed it.
    ///
    /// A folder in which no file can be made, or a file system without locks, makes no claims.
    init?(_ place: SeparationRecord.Place) {
        folder = FilePath.folder(of: place.path)
        var made: TemporaryFiles.Claim?
        // Another run may remove the folder, while it is empty, before the claim is in it. The folder above was
        // made before the first track; it is missing where its disk was removed.
        for _ in 0..<3 where made == nil {
            mkdir(folder, 0o777)
            do throws(SystemError) {
                made = try TemporaryFiles.claim(place.claimName, in: folder)
                if made == nil { return nil }
            } catch {}
        }
        claim = made
    }

    func end() {
        guard let claim else { return }
        claim.end()
        // rmdir fails for a folder that has records.
        rmdir(folder)
    }
}
