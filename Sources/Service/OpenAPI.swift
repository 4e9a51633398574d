// The description of the HTTP interface, from the routes and the table of a request's fields.
// Reference: OpenAPI 3.1.

import Demucs
import System

enum OpenAPI {
    struct Parameter: Sendable {
        fileprivate let json: JSON
        /// The name of a field of the query; nil for other parameters.
        fileprivate let field: String?
        /// Whether it stands for fields of any names.
        fileprivate var isOpen = false

        private init(
            _ name: String, in place: String, _ schema: JSONSchema, _ about: String?,
            _ more: [String: JSON] = [:]
        ) {
            var fields: [String: JSON] = [
                "name": .text(name), "in": .text(place), "schema": schema.json,
            ]
            fields["description"] = about.map(JSON.text)
            json = .object(fields.merging(more) { $1 })
            field = place == "query" ? name : nil
            isOpen = more["explode"] != nil
        }

        private init(reference name: String) {
            json = ["$ref": .text("#/components/parameters/\(name)")]
            let parameter = parameters[name]
            field = parameter?.field
            isOpen = parameter?.isOpen ?? false
        }

        static func query(
            _ name: String, _ schema: JSONSchema, _ about: String? = nil
        ) -> Parameter {
            Parameter(name, in: "query", schema, about)
        }

        /// All parameters of the query that no other parameter describes.
        static func queryFields(
            _ name: String, _ schema: JSONSchema, _ about: String
        ) -> Parameter {
            Parameter(name, in: "query", schema, about, ["style": "form", "explode": true])
        }

        static func path(
            _ name: String, _ schema: JSONSchema, _ about: String? = nil
        ) -> Parameter {
            Parameter(name, in: "path", schema, about, ["required": true])
        }

        static func header(
            _ name: String, _ schema: JSONSchema = .string, _ about: String? = nil
        ) -> Parameter {
            Parameter(name, in: "header", schema, about)
        }

        /// A parameter of several routes.
        static func shared(_ name: String) -> Parameter {
            Parameter(reference: name)
        }
    }

    struct Response: Sendable {
        fileprivate let json: JSON

        private init(_ json: JSON) { self.json = json }

        init(_ about: String) { json = ["description": .text(about)] }

        init(
            _ about: String, _ types: [String], _ schema: JSONSchema,
            headers: [String: JSONSchema] = [:]
        ) {
            var fields: [String: JSON] = [
                "description": .text(about), "content": content(types, schema),
            ]
            if !headers.isEmpty {
                fields["headers"] = .object(headers.mapValues { ["schema": $0.json] })
            }
            json = .object(fields)
        }

        /// - Parameter schema: name of the schema in the document.
        static func json(
            _ about: String, _ schema: String, headers: [String: JSONSchema] = [:]
        ) -> Response {
            Response(about, ["application/json"], .reference(schema), headers: headers)
        }

        static func text(_ about: String, _ text: String) -> Response {
            Response(about, ["text/plain"], .string.with(["const": .text(text)]))
        }

        /// A response of several routes.
        fileprivate static func shared(_ name: String) -> Response {
            Response(["$ref": .text("#/components/responses/\(name)")])
        }

        private static let fileHeaders: [String: JSONSchema] = [
            "ETag": .string, "Accept-Ranges": .string.with(["const": "bytes"]),
            "Content-Disposition": .string,
        ]

        fileprivate static func file(_ types: [String]) -> Response {
            Response("The file.", types, .binary, headers: fileHeaders)
        }

        fileprivate static func part(_ types: [String]) -> Response {
            let headers = fileHeaders.merging(["Content-Range": .string]) { $1 }
            return Response("The part that Range asks for.", types, .binary, headers: headers)
        }

        /// The replies with a sound that is kept or made for the client.
        static let sound: [Int: Response] = [
            200: shared("Sound"), 206: shared("PartOfSound"), 304: shared("Unchanged"),
        ]

        /// The replies with a file of another type.
        static func file(_ type: String) -> [Int: Response] {
            [200: file([type]), 206: part([type]), 304: shared("Unchanged")]
        }

        /// The replies with a file of the page, which takes no ranges.
        static func pageFile(
            _ about: String, _ type: String, _ schema: JSONSchema
        ) -> [Int: Response] {
            [200: Response(about, [type], schema), 304: shared("Unchanged")]
        }
    }

    /// The names of the query's fields at an address; nil if the address looks at the names itself.
    static func fields(of parameters: [Parameter]) -> [String]? {
        parameters.contains { $0.isOpen } ? nil : parameters.compactMap(\.field)
    }

    private static func content(_ types: [String], _ schema: JSONSchema) -> JSON {
        .object(Dictionary(uniqueKeysWithValues: types.map { ($0, ["schema": schema.json]) }))
    }

    // MARK: - The document

    static let document: JSON = [
        "openapi": "3.1.0",
        "info": [
            "title": "swift-demucs serve", "version": "1", "license": ["name": "MIT"],
            "description":
                "Separates music into stems. Jobs are kept: they go on after a restart.",
        ],
        // Relative to the address of the description, which may have a path in front of it.
        "servers": [["url": "./"]],
        // A service without a file of tokens asks for none.
        "security": [["token": []], [:]],
        "paths": .object(
            Dictionary(grouping: Route.all, by: \.pattern).mapValues { routes in
                .object(
                    Dictionary(
                        uniqueKeysWithValues: routes.map {
                            ($0.method.lowercased(), operation($0))
                        }))
            }),
        "components": [
            "securitySchemes": [
                "token": [
                    "type": "http", "scheme": "bearer",
                    "description": .text(
                        "If the service has a file of tokens. The token tells the user: jobs of "
                            + "other users are not found."),
                ]
            ],
            "parameters": .object(parameters.mapValues(\.json)),
            "responses": .object(responses.mapValues(\.json)),
            "schemas": .object(schemas.mapValues(\.json)),
        ],
    ]

    private static func operation(_ route: Route) -> JSON {
        let refusals = Dictionary(
            route.refusals.map { ($0.status, Response.shared("Problem")) }
        ) { $1 }
        let responses = route.responses.merging(refusals) { reply, _ in reply }
        var operation: [String: JSON] = [
            "operationId": .text(route.operation.rawValue), "summary": .text(route.summary),
            "responses": .object(
                Dictionary(uniqueKeysWithValues: responses.map { ("\($0)", $1.json) })),
        ]
        if !route.parameters.isEmpty {
            operation["parameters"] = .array(route.parameters.map(\.json))
        }
        if let body = route.body {
            operation["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": body.json]],
            ]
        }
        if route.takesSound {
            operation["requestBody"] = [
                "required": true,
                "content": [
                    "multipart/form-data": ["schema": JSONSchema.reference("UploadForm").json],
                    "*/*": ["schema": JSONSchema.binary.about("The bytes of the sound.").json],
                ],
            ]
        }
        if !route.needsToken { operation["security"] = [] }
        return .object(operation)
    }

    private static let formats = SeparationRequest.Format.allCases

    private static let parameters: [String: Parameter] = [
        "id": .path("id", .jobID),
        "file": .path(
            "file",
            .string.with([
                "pattern": .text("\\.(\(formats.map(\.rawValue).joined(separator: "|")))$"),
                "examples": ["vocals.wav"],
            ]),
            "A stem and a format. Formats other than the job's are made when they are asked for."),
        "format": .query("format", .words(formats.map(\.rawValue)), "By default, the job's."),
        "named": .query(
            "named", .string.with(["examples": ["tempo,key"]]),
            "What the file's name tells of the music: tempo, key or both."),
        "options": .queryFields(
            "options", .reference("Options").with(["unevaluatedProperties": false]),
            "The options, each as a field of its own."),
        "filename": .query("filename", .string, "The file's name: a label, never a path."),
        "X-Filename": .header("X-Filename", .string, "The file's name, as UTF-8 with %XX."),
        "Range": .header("Range", .string, "One range, bytes=0-999."),
        "If-Range": .header("If-Range"),
        "If-None-Match": .header("If-None-Match"),
        "Last-Event-ID": .header(
            "Last-Event-ID", .integer,
            "The last event that the client has: the stream begins with the next one. Without it, "
                + "or if that is too long ago, it begins with the present state."),
        "last-event-id": .query(
            "last-event-id", .integer,
            "The same for clients that can't send the header, such as an EventSource that "
                + "continues after a list's last_event."),
    ]

    private static let responses: [String: Response] = [
        "Problem": Response(
            "The request was refused.", ["application/problem+json"], .reference("Problem")),
        "Sound": .file(formats.map(\.mediaType)), "PartOfSound": .part(formats.map(\.mediaType)),
        "Unchanged": Response("The file is still the one of If-None-Match."),
    ]

    private static let schemas: [String: JSONSchema] = [
        "Options": SeparationRequest.formSchema, "GivenOptions": SeparationRequest.jobSchema,
        "UploadForm": uploadForm, "Job": Job.schema, "Stem": Job.Stem.schema,
        "JobPage": JobPage.schema, "Set": SongSet.schema, "Peaks": Waveforms.schema,
        "Analysis": DerivedFiles.analysisSchema,
        "Models": LoadedModels.schema, "Problem": Problem.schema,
    ]

    private static let uploadForm = JSONSchema.all(
        of: [
            .reference("Options"),
            .object.with([
                "required": ["file"],
                "properties": ["file": JSONSchema.binary.about("The sound.").json],
            ]),
        ]
    ).with(["unevaluatedProperties": false])
}

extension JSONSchema {
    static let binary = string.with(["format": "binary"])
    static let time = string.with(["format": "date-time"])
    static let jobID = string.with(["pattern": "^[0-9a-f]{24}$"])
    /// Most Unicode scalars of a name: characters, as JSON Schema counts them.
    static let shortTextScalars = 100
    /// A name that is shown: of one line, and not blank.
    static let shortText = string.with([
        "minLength": 1, "maxLength": .integer(shortTextScalars),
        "pattern": #"^[^\p{Cc}]*[^\p{Cc}\s][^\p{Cc}]*$"#,
    ])
}
