import Testing

/// Records an error, or the lack of one, that a test doesn't expect.
func record(_ error: (any Error)?, location: SourceLocation = #_sourceLocation) {
    Issue.record("\(String(describing: error))", sourceLocation: location)
}
