// A separation request from the fields of a form or of a query, and as JSON.

import Audio
import Demucs
import System

extension SeparationRequest {
    private static let modelNames = ["model", "name"]

    /// The gain of a job's stems: common, unlike in the command, because the page's mixer sums them.
    static let jobGain = OutputOptions.Gain.common

    /// - Throws: `Problem` for an unknown field or an invalid value.
    init(fields: [(name: String, value: String)]) throws(Problem) {
        self.init()
        var model: String?
        do throws(RequestError) {
            _ = try set(fields, of: Set(FieldScope.allCases)) { name, value throws(RequestError) in
                guard SeparationRequest.modelNames.contains(name) else { return nil }
                model = value
                return false
            }
            if hasNoStems {
                throw .invalidValue(
                    field: "stems", value: SeparationRequest.noStems,
                    expected: "names of stems")
            }
        } catch {
            throw Problem(error)
        }
        self.model = model
        if mixes.count > SeparationRequest.mostJobOutputs {
            throw SeparationRequest.tooManyOutputs(mixes.count)
        }
    }

    /// Whether the fields of a request could have given it. One of a damaged record may have any values.
    var isPlausible: Bool {
        guard let fields = try? SeparationRequest.fields(ofJSON: json.line),
            let given = try? SeparationRequest(fields: fields)
        else { return false }
        var own = self
        own.gain = given.gain
        return own == given
    }

    /// Most signals that a job writes.
    static let mostJobOutputs = 16

    private static func tooManyOutputs(_ count: Int) -> Problem {
        Problem(
            .invalidOption,
            "The job would have \(count) stems or more, expected at most \(mostJobOutputs). Leave "
                + "out some of 'mix'.")
    }

    /// The outputs of a job for a model.
    ///
    /// - Throws: `Problem`, also for too many.
    func jobOutputs(of stems: ModelStems) throws(Problem) -> [NamedSignal] {
        let outputs: [NamedSignal]
        do throws(RequestError) { outputs = try self.outputs(of: stems) } catch {
            throw Problem(error)
        }
        if outputs.count > SeparationRequest.mostJobOutputs {
            throw SeparationRequest.tooManyOutputs(outputs.count)
        }
        return outputs
    }

    /// The options by the names of their fields, as a job shows them.
    var json: JSON { .object(values) }

    private var values: [String: JSON] {
        var request = self
        request.gain = output(gain: SeparationRequest.jobGain).gain
        let values = SeparationRequest.fields.compactMap { field in
            field.value.map { (field.name, $0(request)) }
        }
        return Dictionary(uniqueKeysWithValues: values + [("model", JSON(model))])
    }
}

// MARK: - The description

extension SeparationRequest {
    static var formSchema: JSONSchema {
        let values = SeparationRequest().values
        var properties = Dictionary(
            uniqueKeysWithValues: fields.map { field in
                let schema = field.textSchema.about(field.plainHelp)
                // Another word for a value of a field is a flag.
                let value = values[field.name] ?? false
                let hasDefault = value != .null && value != []
                return (field.name, hasDefault ? schema.with(["default": value]) : schema)
            })
        properties["model"] = .string.about(modelHelp)
        properties["name"] = .string.about("Alias of model.")
        return .object.with(["properties": .object(properties.mapValues(\.json))])
    }

    static var jobSchema: JSONSchema {
        let values = SeparationRequest().values
        var properties = Dictionary(
            uniqueKeysWithValues: fields.filter { $0.value != nil }.map { field in
                let schema = values[field.name] == .null ? field.schema.orNull : field.schema
                return (field.name, schema.about(field.plainHelp))
            })
        properties["model"] = .string.orNull.about(modelHelp)
        return .fields(properties)
    }

    private static let modelHelp =
        "An installed model of /v1/models, or two with a '+' between them, whose stems are averaged. "
        + "Default: the service's own. Alias: name."
}

extension SeparationRequest.Field {
    /// The meaning, with the names of fields in quotation marks.
    fileprivate var plainHelp: String { SeparationRequest.Field.quoted(help) }

    /// A text for clients, with the names of fields in quotation marks.
    fileprivate static func quoted(_ text: String) -> String {
        text.replacing(/`([^`]+)`/) { "'\($0.output.1)'" }
    }
}

extension Problem {
    /// The error of a request, in terms of the fields.
    init(_ error: RequestError) {
        switch error {
        case .settings: self.init(.invalidOption, "\(error)")
        case .invalidValue(let field, let value, let expected):
            self = .option(field, value: value, expected: SeparationRequest.Field.quoted(expected))
        case .unknownField(let name):
            self = .unknownField(
                name, "option", among: ["model"] + SeparationRequest.fields.map(\.name))
        case .combined(let one, let other):
            self.init(.invalidOption, "'\(one)' can't be combined with '\(other)'.")
        case .needs(let one, let other):
            self.init(.invalidOption, "'\(one)' has no effect without '\(other)'.")
        case .sameName(let name):
            self.init(
                .invalidOption,
                "Two stems would be called '\(name)'. Rename the one in 'mix'.")
        }
    }
}
