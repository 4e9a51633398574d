// File URLs beside paths, for programs with Foundation.

import ModelZoo

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension URL {
    /// The path of a file URL. Of another URL all of it, which names no file: errors then show it.
    package var filePath: String { isFileURL ? path : absoluteString }
}

extension ModelFiles {
    /// A single checkpoint.
    ///
    /// - Parameter url: its file URL, for example in the bundle of an app.
    public init(checkpoint url: URL) { self.init(checkpoint: url.filePath) }
}
