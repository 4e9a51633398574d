// Also Embedded Swift: typed throws, no key paths, no casts.
import Signal

/// The next finished samples of all stems, and the track's samples at the same place.
package struct StemBlock: Sendable {
    /// A channel for each stem and channel: `[stem · channels + channel][sample]`.
    package let stems: PlanarAudio
    /// The track's samples: as long as the stems, with the model's channels.
    package let mixture: PlanarAudio

    package init(stems: PlanarAudio, mixture: PlanarAudio) {
        self.stems = stems
        self.mixture = mixture
    }
}
