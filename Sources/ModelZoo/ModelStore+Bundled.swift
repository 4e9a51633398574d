// The default model, and the files that come with the program.

import Files

#if canImport(Darwin)
    import MachO
#endif

extension ModelStore {
    package static let defaultModel = "htdemucs"
    /// A small model that comes with the program.
    package static let demoModel = "demo"

    /// The store of this program, which also finds the files that come with it.
    ///
    /// - Throws: ``ModelStoreError/repositoryMissing(path:)``.
    package init(ofProgramWith repository: String?, isOffline: Bool) throws {
        try self.init(
            repository: repository, isOffline: isOffline,
            bundledFolders: ModelStore.bundledFolders(of: FilePath.executable))
    }

    /// The named model. Without a name the default one, or the demo model where that can't be had;
    /// a given name never falls back.
    ///
    /// - Parameters:
    ///   - find: gives a model's files by its name.
    ///   - fallsBack: told why the demo model takes the default one's place.
    /// - Throws: the errors of `find`.
    package func model(
        named name: String?, fallsBack: (ModelStoreError) -> Void,
        find: (_ name: String) throws -> ModelFiles
    ) throws -> ModelFiles {
        do {
            return try find(name ?? ModelStore.defaultModel)
        } catch let error as ModelStoreError {
            guard name == nil, let demo = try? self.find(ModelStore.demoModel) else { throw error }
            fallsBack(error)
            return demo
        }
    }

    /// A file that comes with the program, from a folder of the user's or from beside the demo model.
    ///
    /// - Throws: ``ModelStoreError/bundledFileMissing(name:folders:)``.
    package func bundledFile(_ name: String) throws(ModelStoreError) -> String {
        let folders = userFolders + bundledFolders
        guard
            let path = folders.map({ FilePath.joined($0, name) })
                .first(where: { FilePath.status($0) != nil })
        else { throw .bundledFileMissing(name: name, folders: folders) }
        return path
    }

    /// The models of the installation that a program or library belongs to, then those of the source
    /// checkout that it was built in.
    ///
    /// - Parameter binary: its absolute path without links; nil gives none.
    package static func bundledFolders(of binary: String?) -> [String] {
        guard let binary else { return [] }
        let binaries = FilePath.folder(of: binary)
        // Beside `bin` or `lib`, or beside the `lib` of a folder for one architecture.
        let prefix = FilePath.folder(of: binaries)
        var folders = [prefix, FilePath.folder(of: prefix)]
            .map { FilePath.joined($0, "share/swift-demucs/models") }.filter(FilePath.isFolder)
        var folder = binaries
        while folder != "/" {
            let models = FilePath.joined(folder, "Models")
            let manifest = FilePath.joined(folder, "Package.swift")
            if FilePath.status(manifest) != nil, FilePath.isFolder(models) {
                folders.append(models)
                break
            }
            folder = FilePath.folder(of: folder)
        }
        return folders
    }
}

extension FilePath {
    /// Absolute path of this program, without links.
    fileprivate static var executable: String? {
        #if canImport(Darwin)
            var size: UInt32 = 0
            _ = _NSGetExecutablePath(nil, &size)
            var path = [CChar](repeating: 0, count: Int(size))
            guard _NSGetExecutablePath(&path, &size) == 0 else { return nil }
            return path.withUnsafeBufferPointer { resolved(String(cString: $0.baseAddress!)) }
        #else
            resolved("/proc/self/exe")
        #endif
    }
}
