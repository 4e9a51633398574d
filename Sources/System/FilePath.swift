// Also Embedded Swift: typed throws, no key paths, no casts.
// Paths as bytes between slashes, as the system sees them. Swift compares characters: two encodings
// of "é" would be one name, and "\r\n" one letter.

package enum FilePath {
    /// The longest name that common file systems allow.
    package static let longestNameBytes = 255

    /// The part after the last slash.
    package static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// The part of a file's name after its last dot; empty where there is none. A dot at the name's
    /// start hides the file and begins no extension.
    package static func pathExtension(of path: String) -> String {
        let name = name(of: path)
        return dot(in: name).map { String(name[name.utf8.index(after: $0)...]) } ?? ""
    }

    /// A file's name without its folder and its extension.
    package static func stem(of path: String) -> String {
        let name = name(of: path)
        return dot(in: name).map { String(name[..<$0]) } ?? name
    }

    private static func dot(in name: String) -> String.Index? {
        let dot = name.utf8.lastIndex(of: UInt8(ascii: "."))
        return dot == name.startIndex ? nil : dot
    }

    /// The path of a file in the same folder as another.
    package static func sibling(_ name: String, of path: String) -> String {
        path.utf8.contains(UInt8(ascii: "/")) ? joined(folder(of: path), name) : name
    }

    /// The part before the last slash: `.` where there is none, `/` for an entry of the root.
    package static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The folder that contains the file or folder at a path; slashes at the path's end don't
    /// count.
    package static func parent(of path: String) -> String {
        var path = path[...]
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") {
            path = path[..<path.utf8.index(before: path.endIndex)]
        }
        return folder(of: String(path))
    }

    /// A path relative to a folder; an absolute path stays as it is.
    package static func joined(_ folder: String, _ path: String) -> String {
        if folder.isEmpty || path.utf8.first == UInt8(ascii: "/") { return path }
        return folder.utf8.last == UInt8(ascii: "/") ? folder + path : "\(folder)/\(path)"
    }

    /// A path without `.`, `..` and empty names. `..` is resolved by name: a link before it is not followed.
    ///
    /// - Returns: equal texts exactly for the paths that the system takes for the same, if no name before a `..` is
    ///   a link; `.` for the current folder.
    package static func normalised(_ path: String) -> String {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        var names: [Substring.UTF8View] = []
        for name in path.utf8.split(separator: UInt8(ascii: "/"))
        where !name.elementsEqual(".".utf8) {
            if !isUp(name) {
                names.append(name)
            } else if let last = names.last, !isUp(last) {
                names.removeLast()
            } else if !isAbsolute {
                names.append(name)
            }
        }
        let text = names.map { String(Substring($0)) }.joined(separator: "/")
        return isAbsolute ? "/" + text : text.isEmpty ? "." : text
    }

    /// A normalised path, and how many folders it goes up before its first name.
    package static func ups(of path: String) -> (count: Int, rest: String) {
        let names = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let count = names.prefix(while: isUp).count
        return (count, names[count...].map { String(Substring($0)) }.joined(separator: "/"))
    }

    /// A normalised path as a normalised folder sees it; the path itself where names don't tell.
    package static func relative(_ path: String, to folder: String) -> String {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        guard isAbsolute == (folder.utf8.first == UInt8(ascii: "/")) else { return path }
        let names = path.utf8.split(separator: UInt8(ascii: "/"))
        let above = (folder == "." ? "" : folder).utf8.split(separator: UInt8(ascii: "/"))
        let shared = zip(names, above).prefix { $0.elementsEqual($1) }.count
        if above[shared...].contains(where: isUp) { return path }
        let ups = above[shared...].map { _ in ".." }
        return (ups + names[shared...].map { String(Substring($0)) }).joined(separator: "/")
    }

    private static func isUp(_ name: Substring.UTF8View) -> Bool { name.elementsEqual("..".utf8) }
}
