import Testing

/// Records an unexpected error, or the lack of an expected one.
func record(_ error: (any Error)?, location: SourceLocation = #_sourceLocation) {
    Issue.record("\(String(describing: error))", sourceLocation: location)
}
