/// Ends a test that expected another error, or any.
package struct UnexpectedError: Error {
    package let found: (any Error)?

    package init(_ found: (any Error)?) { self.found = found }
}
