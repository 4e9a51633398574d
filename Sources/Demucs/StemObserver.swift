// Observers of a track's stems while its files are written.

import Audio
import Tracks

/// Sees the stems before they are written. An error ends the separation.
package protocol StemObserver: AnyObject {
    /// Called once, before the first block.
    func begin(_ track: ObservedTrack) throws
    /// Called for each block, in order.
    func append(_ block: StemBlock) throws
    /// Whether ``addTags(to:)`` adds tags.
    var findsTags: Bool { get }
    /// Adds tags that were found in the stems, after the last block.
    func addTags(to tags: inout AudioTags)
}

extension StemObserver {
    package var findsTags: Bool { false }
    package func addTags(to tags: inout AudioTags) {}
}

/// A track before its first stems.
package struct ObservedTrack {
    /// Names of the stems in a block, in their order.
    package let stems: [String]
    /// Channels, rates and length of the files.
    package let shape: SignalShape
    package let statistics: TrackStatistics
}
