// Settings that hold a request: one table of names for its fields and those of a door.

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
    /// - Throws: `RequestError`.
    package mutating func set(
        _ fields: [(name: String, value: String)]
    ) throws(RequestError) -> [String] {
        var given: [String] = []
        for (name, value) in fields {
            let isFlag: Bool
            if let field = SeparationRequest.field(name), Self.scopes.contains(field.scope) {
                try field.set(value, in: &request)
                isFlag = field.form == .flag
            } else if let field = Self.fields.first(where: { $0.name == name }) {
                try field.set(value, in: &self)
                isFlag = field.form == .flag
            } else {
                throw .unknownField(name)
            }
            if !isFlag || RequestField<Self>.truth(value) == true { given.append(name) }
        }
        try request.validate(given: given)
        return given
    }
}
