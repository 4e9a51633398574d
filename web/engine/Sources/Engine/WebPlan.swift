// The settings of a separation on a page: the fields of a request that have an effect there.

import System
import Tensor
import Tracks

/// A request, and its outputs for a model.
struct WebPlan {
    let request: SeparationRequest
    let outputs: [NamedSignal]
    private static let scopes: Set<FieldScope> = [.signals, .separation]

    /// - Parameters:
    ///   - json: fields of a request; beside them may be `sources`, the model's stems separated by
    ///     commas.
    ///   - sources: the model's stems; nil for those of the JSON.
    /// - Throws: `RequestError`.
    init(_ json: String, of sources: [String]? = nil) throws(RequestError) {
        var request = SeparationRequest()
        var named: [String] = []
        let fields = try SeparationRequest.fields(ofJSON: json)
        _ = try request.set(fields, of: Self.scopes) { name, value throws(RequestError) in
            if name != "sources" || sources != nil { return nil }
            named = value.utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
            return false
        }
        if let then = request.then?.first {
            throw Self.refused(
                "then", then.description, "nothing: a page has one model at a time")
        }
        if request.outputRate != .model {
            throw Self.refused("output-rate", request.outputRate.rawValue, "model")
        }
        let stems = ModelStems(sources ?? named)
        outputs = try request.outputs(of: stems)
        if outputs.isEmpty {
            let names = stems.sources.joined(separator: ", ")
            throw Self.refused("stems", SeparationRequest.noStems, "one of \(names)")
        }
        self.request = request
    }

    private static func refused(
        _ field: String, _ value: String, _ expected: String
    ) -> RequestError {
        .invalidValue(field: field, value: value, expected: expected)
    }

    /// - Throws: `RequestError` for another precision than that of the loaded model.
    func check(_ precision: Precision) throws(RequestError) {
        guard let wanted = request.precision, wanted != precision.rawValue else { return }
        throw Self.refused(
            "precision", wanted, "\(precision.rawValue), in which the model was loaded")
    }

    /// `{outputs: [{name, is_part}], settings}`, in which `settings` has the values of all fields.
    var json: [String: JSON] {
        var values: [String: JSON] = [:]
        for field in SeparationRequest.fields where Self.scopes.contains(field.scope) {
            if let value = field.value { values[field.name] = value(request) }
        }
        let signals = outputs.map { output -> JSON in
            ["name": .text(output.name), "is_part": .bool(output.isPart)]
        }
        return ["outputs": .array(signals), "settings": .object(values)]
    }
}
