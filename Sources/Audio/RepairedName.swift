// Files whose names are not UTF-8, as old archives leave them behind.

import Foundation

/// A path in which Swift has put U+FFFD where the name on disk has bytes that are no text.
enum RepairedName {
    /// Opens the one file of the folder whose name reads like this.
    ///
    /// - Returns: a descriptor; nil if the name has no such sign, or if no file or several fit.
    static func open(_ path: String, _ flags: Int32) -> Int32? {
        let name = (path as NSString).lastPathComponent
        guard name.unicodeScalars.contains("\u{FFFD}") else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        guard let entries = opendir(folder.isEmpty ? "." : folder) else { return nil }
        defer { closedir(entries) }
        var names: [[CChar]] = []
        while let entry = readdir(entries) {
            // The name is as long as its zero byte says, within the record that the system gave.
            let bytes = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 1) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            let text = bytes.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            if text == name { names.append(bytes) }
        }
        guard names.count == 1 else { return nil }
        let descriptor = openat(dirfd(entries), names[0], flags)
        return descriptor >= 0 ? descriptor : nil
    }
}
