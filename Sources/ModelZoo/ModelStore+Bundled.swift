// The default model, and the files that are installed with the program.

import System

#if canImport(Darwin)
    import MachO
#endif

extension ModelStore {
    package static let defaultModel = "htdemucs"
    /// A small model that is installed with the program.
    package static let demoModel = "demo"

    /// The store of this program, which also finds the files that are installed with it.
    ///
    /// - Throws: ``ModelStoreError/repositoryMissing(path:)``.
    package init(ofProgramWith repository: String?, isOffline: Bool) throws {
        try self.init(
            repository: repository, isOffline: isOffline,
            bundledFolders: ModelStore.bundledFolders(of: FilePath.executable))
    }

    /// The named model. Without a name, the default model, or the demo model if the default one
    /// can't be fetched. A given name never falls back. Nor does a dry run, which lists the files of
    /// a run that would fetch the default model.
    ///
    /// - Parameters:
    ///   - find: returns a model's files by its name.
    ///   - fallsBack: called with the reason if the demo model replaces the default one.
    /// - Throws: the errors of `find`.
    package func model(
        named name: String?, fallsBack: (ModelStoreError) -> Void,
        find: (_ name: String) throws -> ModelFiles
    ) throws -> ModelFiles {
        do {
            return try find(name ?? ModelStore.defaultModel)
        } catch let error as ModelStoreError {
            guard name == nil, offlineReason != .dryRun,
                let demo = try? self.find(ModelStore.demoModel)
            else { throw error }
            fallsBack(error)
            return demo
        }
    }

    /// A file that is installed with the program, from a user's folder or from beside the demo
    /// model.
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

    /// Folders of models for a program or library: those of its installation, then those of the
    /// source checkout in which it was built.
    ///
    /// - Parameter binary: absolute path of the program or library without links; nil gives no
    ///   folders.
    package static func bundledFolders(of binary: String?) -> [String] {
        guard let binary else { return [] }
        let binaries = FilePath.folder(of: binary)
        // Next to `bin` or `lib`, or next to the `lib` of a folder for one architecture.
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
