// Temporary files whose purpose an error names.

import System

extension TemporaryFiles {
    /// Creates a file for reading and writing without a name. It is freed when its descriptor is
    /// closed, even if the process is killed.
    ///
    /// - Parameters:
    ///   - folder: nil for the system's folder of temporary files.
    ///   - name: the file's purpose, as the subject of an error's message.
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    package static func createUnnamed(
        in folder: String?, for name: String
    ) throws(AudioError) -> Int32 {
        do {
            return try createUnnamed(in: folder)
        } catch {
            throw .unwritable(path: name, reason: error.description)
        }
    }
}
