import Demucs

/// What a caller sets by names: the fields of a request, and those of the door that takes it.
package protocol RequestSettings: FieldValues {
    /// The door's own fields.
    static var fields: [RequestField<Self>] { get }
    /// What the fields of a request decide that have an effect at the door.
    static var scopes: Set<FieldScope> { get }
    var request: SeparationRequest { get set }
}

extension RequestSettings {
    /// Sets fields in their order, and checks the request as far as that needs no model.
    ///
    /// - Returns: names of the fields that are set to something else than false.
    package mutating func set(
        _ fields: [(name: String, value: String)]
    ) throws(RequestError) -> [String] {
        var settings = self
        let given = try request.set(fields, of: Self.scopes) {
            name, value throws(RequestError) in
            guard let field = Self.fields.first(where: { $0.name == name }) else { return nil }
            try field.set(value, in: &settings)
            return field.form == .flag
        }
        settings.request = request
        self = settings
        return given
    }

    /// Sets the fields of a JSON object.
    package init(json: String) throws(RequestError) {
        self.init()
        _ = try set(SeparationRequest.fields(ofJSON: json))
    }
}
