// Title, artist and the like, which stems take over from their track.

/// What a file says about itself in words. Nil where it says nothing.
public struct AudioTags: Sendable, Equatable {
    public var title: String?
    public var artist: String?
    public var album: String?
    public var date: String?
    public var comment: String?
    public var trackNumber: String?
    public var genre: String?
    public var copyright: String?

    public init() {}
}
