// Checkpoints in files.

import System

extension Checkpoint {
    /// Opens the checkpoint at a path, memory-mapped: see ``read(_:path:external:)``.
    ///
    /// - Throws: ``WeightsError`` if the file can't be read, is damaged or not supported.
    package static func open(_ path: String) throws(WeightsError) -> Checkpoint {
        try read(ReadFile(path), path: path) { name throws(WeightsError) in
            try ReadFile(FilePath.sibling(name, of: path))
        }
    }

    /// The SHA-256 of the checkpoint's own file, 64 hexadecimal digits.
    package func sha256() -> String {
        var digest = SHA256()
        files[0].withBytes(0..<files[0].countBytes) { digest.update($0) }
        return digest.hexadecimal
    }
}
