// A model by its name, in one call.

import Demucs

extension Separator {
    /// Loads a model by its name; missing files of a published one are downloaded first.
    ///
    /// ```swift
    /// let separator = try await Separator.load(named: modelName) { event in print(event) }
    /// ```
    ///
    /// - Parameters:
    ///   - name: one of `PublishedModel.all`, a signature, `hf://…`, or the path of a checkpoint or a bag.
    ///   - store: where models are searched for; `nil` for the usual folders.
    ///   - progress: called with each event of a download, on its own thread.
    /// - Throws: the errors of `ModelStore.init`, `ModelStore.model(named:policy:progress:)` and
    ///   ``load(_:stems:threads:segmentsInParallel:precision:)``, which describes the other parameters.
    public static func load(
        named name: String, from store: ModelStore? = nil, stems: [String]? = nil,
        threads: Int? = nil, segmentsInParallel: Int = 1, precision: Precision? = nil,
        progress: @escaping @Sendable (DownloadEvent) -> Void = { _ in }
    ) async throws -> Separator {
        let files = try await (store ?? ModelStore()).model(named: name, progress: progress)
        return try await load(
            files, stems: stems, threads: threads, segmentsInParallel: segmentsInParallel,
            precision: precision)
    }
}
