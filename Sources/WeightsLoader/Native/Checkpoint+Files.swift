// Checkpoints in files.

import System

extension Checkpoint {
    /// Opens a checkpoint, or one model of a file with several.
    ///
    /// - Parameter output: the file that is made of it.
    /// - Throws: `WeightsError`, also if the output is the checkpoint.
    package static func open(
        _ path: String, member: String?, toWrite output: String? = nil
    ) throws -> Checkpoint {
        if let output, let file = FilePath.status(path)?.file,
            FilePath.status(output)?.file == file
        {
            throw WeightsError.fileUnwritable(
                path: output, reason: "it is the checkpoint itself; write to another file")
        }
        let checkpoint = try Checkpoint.open(path)
        guard let member else { return checkpoint }
        return try checkpoint.submodel(member)
    }

    /// Opens the checkpoint at a path, memory-mapped: see ``read(_:path:external:)``.
    ///
    /// - Throws: ``WeightsError`` if the file can't be read, is damaged or not supported.
    package static func open(_ path: String) throws(WeightsError) -> Checkpoint {
        try read(ReadFile(path), path: path) { name throws(WeightsError) in
            try ReadFile(FilePath.sibling(name, of: path))
        }
    }

    /// The SHA-256 of the checkpoint's own file, 64 hexadecimal digits.
    ///
    /// - Throws: ``WeightsError/fileUnreadable(path:reason:)`` if the file has changed since it was opened.
    package func sha256() throws(WeightsError) -> String {
        var digest = SHA256()
        try files[0].read(0..<files[0].countBytes) { digest.update($0) }
        return digest.hexadecimal
    }
}
