// Verifies the checksums of the models on this machine.

import ModelZoo
import System
import WeightsLoader

extension ModelStore {
    /// The result of comparing a file with its checksum.
    package enum Verification: Sendable, Equatable {
        /// The bytes are the published ones, or equal those of the first download.
        case intact
        case damaged(found: String, expected: String)
        /// No checksum of the file is known.
        case unknown
    }

    /// Computes a file's SHA-256 and compares it with the known one.
    ///
    /// - Throws: ``WeightsError`` if it can't be read, `CancellationError`.
    package func verify(
        _ path: String, isCancelled: () -> Bool = { false }
    ) throws -> Verification {
        guard let expected = ModelStore.checksum(of: path) else { return .unknown }
        let found: String
        do {
            found = try SHA256.hexadecimal(ofFile: path, isCancelled: isCancelled)
        } catch let error as SystemError {
            throw WeightsError.fileUnreadable(path: path, reason: "\(error)")
        }
        return found.hasPrefix(expected) ? .intact : .damaged(found: found, expected: expected)
    }

    /// The known first digits of a file's SHA-256: from the table of published models, the end of a
    /// `.th` file's name, the record of its download, or the name of its blob in the Hugging Face
    /// cache.
    private static func checksum(of path: String) -> String? {
        if let (signature, prefix) = torchName(FilePath.name(of: path)) {
            let published = PublishedModel.member(signature)?.member.checksum
            return published.flatMap { $0.prefix(8) == prefix ? $0 : nil } ?? prefix
        }
        if let sum = FileOrigin(of: path)?.sha256, ReplyHead.isChecksum(sum) {
            return sum.lowercased()
        }
        guard let blob = FilePath.resolved(path).map(FilePath.name) else { return nil }
        return ReplyHead.isChecksum(blob) ? blob.lowercased() : nil
    }
}
