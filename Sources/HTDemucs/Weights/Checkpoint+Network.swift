// Also Embedded Swift: typed throws, no key paths, no casts.
// Configurations and networks of checkpoints in one step, whose errors are of several types.

import Networks
import System
import Tensor
import WeightsLoader

extension Configuration {
    /// Reads the configuration in the sections of a file or in the checkpoint, or infers it from the
    /// tensors' shapes.
    ///
    /// - Parameter overriding: arguments under the reference's names that replace the file's.
    /// - Returns: the configuration, and a line of warning for each argument that the reference's
    ///   class doesn't have. The reference drops such arguments too.
    /// - Throws: ``WeightsError`` if the metadata can't be used, ``ConfigurationError`` if an
    ///   argument is invalid or not supported.
    package static func read(
        from checkpoint: Checkpoint, _ sections: [String: ArgumentValue]? = nil,
        overriding: [String: ArgumentValue] = [:]
    ) throws(AnyError) -> (
        configuration: Configuration, arguments: ModelArguments, warnings: [String]
    ) {
        let arguments: ModelArguments
        if let sections {
            do {
                arguments = try ModelArguments(ofSections: sections, overriding)
            } catch { throw error.erased }
        } else {
            do {
                arguments = try self.arguments(of: checkpoint, overriding: overriding)
            } catch { throw error.erased }
        }
        do {
            let (configuration, warnings) = try read(arguments)
            return (configuration, arguments, warnings)
        } catch {
            throw error.erased
        }
    }
}

extension Checkpoint {
    /// Builds the network of the checkpoint, with stored or inferred arguments.
    ///
    /// - Parameter overriding: constructor arguments that replace the file's.
    /// - Throws: ``WeightsError`` if tensors are missing, unused or of another shape,
    ///   ``ConfigurationError`` if the model has an option that this engine does not build.
    package func network(
        overriding: [String: ArgumentValue] = [:], backend: Backend
    ) throws(AnyError) -> LoadedNetwork {
        let configuration = try Configuration.read(from: self, overriding: overriding).configuration
        do {
            return try configuration.network(parameters(), on: backend)
        } catch {
            throw error.erased
        }
    }
}
