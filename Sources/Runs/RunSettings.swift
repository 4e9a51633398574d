// What a run makes of its tracks, and how: all that is the same for each of them.

import Demucs

/// The settings of a ``SeparationRun``. The doors make them of their options.
package struct RunSettings: Sendable {
    /// The request of each track without options of its own.
    package var request: SeparationRequest
    /// Names of the request's fields that are set; a track's own options replace them.
    package var givenFields: [String]
    /// How files are written: the request's choices, and the folder for temporary files.
    package var output: OutputOptions
    /// Format of the stem file; nil without one.
    package var stemFile: StemFileFormat?
    /// The folder that all files are below.
    package var folder = "separated"
    package var template = FileNameTemplate()
    /// The output that is written to standard output, and no files; nil for files.
    package var standardOutput: String?

    /// Threads of a forward pass; 0 for one for each core.
    package var threads = 0
    /// Segments in parallel; 0 for one.
    package var jobs = 0

    /// The part of the manifest to separate; nil for all of it.
    package var shard: Shard?
    /// Whether the manifest is read line by line while it is written.
    package var isFollowing = false
    /// Longest time for a track.
    package var timeoutSeconds: Double?
    /// Longest track to separate.
    package var maximumSeconds: Double?
    /// Number of failures after which a track of a manifest is not tried again; nil for no limit.
    package var quarantineAfter: Int?

    /// Whether files are only planned.
    package var isDryRun = false
    /// Whether tracks that an earlier run finished are left out.
    package var skipsExisting = false
    /// Whether finished and quarantined tracks are separated again.
    package var isForced = false

    package init(request: SeparationRequest, givenFields: [String], output: OutputOptions) {
        self.request = request
        self.givenFields = givenFields
        self.output = output
    }

    /// The outputs for a model: those of the request, or the one for standard output.
    func outputs(of sources: [String]) throws(RunError) -> [NamedSignal] {
        do throws(RequestError) {
            let outputs = try request.outputs(of: sources)
            guard let standardOutput else { return outputs }
            try request.check([standardOutput], "stdout", allowed: outputs.map(\.name))
            return outputs.filter { $0.name == standardOutput }
        } catch {
            throw .request(error)
        }
    }
}
