import DemucsEngine
import TestSupport

extension NoiseTrack {
    /// A small model for the track.
    static func model(
        _ name: String = "cross_first", stems: [String]? = nil, threads: Int = 1,
        segmentsInParallel: Int = 1
    ) throws -> Separator {
        try Separator(
            OpenedModel(
                ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path)),
            stems: stems,
            threads: threads, segmentsInParallel: segmentsInParallel)
    }
}
