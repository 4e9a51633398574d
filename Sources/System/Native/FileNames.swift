// What file systems make of names: which they take for one, and which they refuse.

/// How a folder's file system compares names.
package struct NameComparison {
    /// Whether `a` and `A` are one name, as on exFAT, APFS and SMB.
    private let foldsCase: Bool
    /// Whether the two encodings of `é` are one name, as on APFS and HFS+.
    private let foldsForm: Bool
    /// Whether a folder lists names as they were given.
    private var keepsNames = true

    /// Whether different names may be one file.
    package var folds: Bool { foldsCase || foldsForm }

    /// Compares names by the bytes, as most file systems of Linux do.
    package static let exact = NameComparison(foldsCase: false, foldsForm: false)

    package init(foldsCase: Bool, foldsForm: Bool) {
        self.foldsCase = foldsCase
        self.foldsForm = foldsForm
    }

    /// Makes a file in a folder, or in the nearest one above it that exists, and looks for it under other
    /// names; exact where no file can be made.
    package init(probing folder: String) {
        var folder = folder.isEmpty ? "." : folder
        while !FilePath.isFolder(folder), folder != FilePath.folder(of: folder) {
            folder = FilePath.folder(of: folder)
        }
        let number = String(UInt64.random(in: .min ... .max), radix: 16)
        func path(_ letter: String, _ form: String) -> String {
            FilePath.joined(folder, TemporaryFiles.name("\(letter)\(number)\(form)"))
        }
        let probe = path("A", "\u{E9}")
        // A file that can't be made is not found under other names either.
        close(open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        foldsCase = FilePath.status(path("a", "\u{E9}")) != nil
        foldsForm = FilePath.status(path("A", "e\u{301}")) != nil
        let names = (try? FilePath.names(in: folder)) ?? []
        keepsNames = names.contains { $0.utf8.elementsEqual(FilePath.name(of: probe).utf8) }
        unlink(probe)
    }

    /// A key that is equal for two paths exactly if the file system takes them for one. Links are not resolved.
    package func key(_ path: String) -> AnyHashable {
        let path = FilePath.normalised(foldsCase ? path.lowercased() : path)
        // Two texts are equal if they are canonically equivalent.
        return foldsForm ? AnyHashable(path) : AnyHashable(Array(path.utf8))
    }

    /// A key that is equal for any two paths that some file system takes for one.
    package static func widestKey(_ path: String) -> AnyHashable {
        NameComparison(foldsCase: true, foldsForm: true).key(path)
    }

    /// The entry of another name that a path leads to; nil if there is none.
    ///
    /// - Parameter folder: the part of the path that is taken as it is.
    package func otherName(at path: String, below folder: String) -> String? {
        guard folds, keepsNames else { return nil }
        let below = FilePath.relative(path, to: FilePath.normalised(folder))
        let isBelow = FilePath.ups(of: below).count == 0 && !below.hasPrefix("/")
        var known = isBelow ? folder : FilePath.folder(of: path)
        let rest = isBelow ? below : FilePath.name(of: path)
        for name in rest.utf8.split(separator: UInt8(ascii: "/")) {
            let name = String(decoding: name, as: UTF8.self)
            let next = FilePath.joined(known, name)
            guard FilePath.status(next) != nil else { return nil }
            let entries = (try? FilePath.names(in: known)) ?? []
            if !entries.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
                return entries.first { key($0) == key(name) } ?? name
            }
            known = next
        }
        return nil
    }
}

/// Paths of files that are to be made, each with its owner.
package struct NewPaths<Owner> {
    private var owners: [AnyHashable: [(path: String, owner: Owner)]] = [:]
    private var comparisons: [String: NameComparison] = [:]

    package init() {}

    /// Adds a path, unless the disk takes it for one that was added before.
    ///
    /// - Parameter folder: where to try out how the disk compares names, if that matters.
    /// - Returns: the owner of the other path; nil for none.
    package mutating func insert(_ path: String, _ owner: Owner, probing folder: String) -> Owner? {
        let key = NameComparison.widestKey(path)
        let others = owners[key] ?? []
        let exact = NameComparison.exact.key(path)
        if let other = others.first(where: { NameComparison.exact.key($0.path) == exact }) {
            return other.owner
        }
        if !others.isEmpty {
            let names = comparisons[folder] ?? NameComparison(probing: folder)
            comparisons[folder] = names
            if let other = others.first(where: { names.key($0.path) == names.key(path) }) {
                return other.owner
            }
        }
        owners[key, default: []].append((path, owner))
        return nil
    }
}

extension FilePath {
    /// What Windows, exFAT and SMB refuse in a name, in words; nil for a name that all systems hold.
    package static func problem(ofName name: String) -> String? {
        if let scalar = name.unicodeScalars.first(where: { isRefused($0) }) {
            return "the character '\(String(scalar).withoutHiddenCharacters)'"
        }
        if name.hasSuffix(".") { return "the dot at its end" }
        if name.hasSuffix(" ") { return "the space at its end" }
        let base = name.prefix { $0 != "." }.uppercased()
        return devices.contains(base) ? "'\(base)', which is a device of Windows" : nil
    }

    /// The name with `_` in place of what ``problem(ofName:)`` names.
    package static func safe(_ name: String) -> String {
        var safe = String(
            String.UnicodeScalarView(name.unicodeScalars.map { isRefused($0) ? "_" : $0 }))
        if let last = safe.unicodeScalars.last, last == "." || last == " " {
            safe.unicodeScalars.removeLast()
            safe += "_"
        }
        return problem(ofName: safe) == nil ? safe : "_" + safe
    }

    private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isControl || "<>:\"|?*\\".unicodeScalars.contains(scalar)
    }

    private static let devices: Set = Set(
        ["CON", "PRN", "AUX", "NUL"]
            + ["COM", "LPT"].flatMap { kind in (1...9).map { "\(kind)\($0)" } })
}
