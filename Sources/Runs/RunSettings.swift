// The settings of a run: the outputs of its tracks and how they are made, the same for each track.

import Demucs
import System

/// The settings of a ``SeparationRun``. The doors make them of their options.
package struct RunSettings: Sendable {
    /// The request of each track without options of its own.
    package var request = SeparationRequest()
    /// Names of the request's fields that are set; a track's own options replace them.
    package var givenFields: [String] = []
    /// The folder that all files are below, normalised.
    package var folder = "separated" {
        didSet { folder = FilePath.normalised(folder) }
    }
    /// Whether the files are in a folder of the model, below ``folder``.
    package var hasModelFolder = true
    package var template = FileNameTemplate()
    /// Whether characters that some file systems refuse are replaced in the names of files.
    var hasSafeNames = false
    /// File that lists the tracks that failed; nil for none.
    var failedList: String?
    /// Folder for temporary files; nil for the default.
    var spoolFolder: String?
    var stemContainer: StemFileFormat.Container?
    var stemCodec: StemFileFormat.Codec?
    /// The output that is written to standard output, and no files; nil for files.
    package var standardOutput: String?
    /// Whether files have samples without a header.
    package var isRaw = false

    /// Threads of a forward pass; 0 for one for each core.
    package var threads = 0
    /// Segments in parallel; 0 for one.
    package var jobs = 0

    /// The part of the manifest to separate; nil for all of it.
    package var shard: Shard?
    /// Whether the manifest is read line by line while it is written.
    package var isFollowing = false
    /// Longest time for a track.
    var timeoutSeconds: Double?
    /// Longest track to separate.
    var maximumSeconds: Double?
    /// Number of failures after which a track of a manifest is not tried again; nil for no limit.
    package var quarantineAfter: Int?

    /// Whether libsndfile decodes every format that it knows.
    package var takesAllFormats = false
    /// Whether files are only planned.
    package var isDryRun = false
    /// Whether tracks that an earlier run finished are left out.
    var skipsExisting = false
    /// Whether finished and quarantined tracks are separated again.
    var isForced = false

    package init() {}

    /// How files are written.
    package var output: OutputOptions {
        // DJ software plays the stems of a stem file together: they have to sum to the mix.
        var options = request.output(
            gain: stemContainer == nil ? .perStem : .common, spoolFolder: spoolFolder)
        if isRaw { options.format.container = .rawFloat32 }
        return options
    }

    /// Makes the list of failed tracks; nil without one.
    func openFailedList() throws(RunError) -> FailedList? {
        guard let failedList else { return nil }
        return try FailedList(failedList, isDryRun: isDryRun)
    }

    /// Format of the stem file; nil without one.
    var stemFile: StemFileFormat? {
        stemContainer.map { StemFileFormat(container: $0, codec: stemCodec ?? .alac) }
    }

    /// The outputs for a model: those of the request, or the one for standard output.
    func outputs(of stems: ModelStems) throws(RunError) -> [NamedSignal] {
        do throws(RequestError) {
            let outputs = try request.outputs(of: stems)
            guard let standardOutput else { return outputs }
            try request.check([standardOutput], "stdout", allowed: outputs.map(\.name))
            return outputs.filter { $0.name == standardOutput }
        } catch {
            throw .request(error)
        }
    }
}
