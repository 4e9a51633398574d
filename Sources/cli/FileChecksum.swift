// SHA-256 of files, to know them again.

import Demucs
import Files
import Foundation
import HTDemucs

enum FileChecksum {
    /// In hexadecimal digits; nil if the file can't be read to its end, or not before the token is
    /// cancelled.
    static func of(_ path: String, _ cancellation: CancellationToken? = nil) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        return try? SHA256.hexadecimal(
            of: file, isCancelled: { cancellation?.isCancelled ?? false })
    }

    static func of(text: String) -> String {
        var checksum = SHA256()
        checksum.update(Array(text.utf8))
        return checksum.hexadecimal
    }
}
