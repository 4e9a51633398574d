// The table of the addresses.

import Runs

extension Route {
    static let all = [
        Route(
            "GET", "/v1/separations", .listJobs,
            "A page of the user's jobs, by default newest first",
            parameters: [
                .query(
                    "limit", .integer(in: 1...Service.mostPageJobs, default: Service.pageJobs),
                    "Most jobs in the page."),
                .query(
                    "after", .string,
                    "The next of an earlier reply with the same fields: the page after it."),
                .query("search", .string, "Words that are all in the name, in any case."),
                .query(
                    "state", .string.with(["examples": ["done,failed"]]),
                    "One or more states: "
                        + TrackState.allCases.map(\.rawValue).joined(separator: ", ")
                        + "."),
                .query(
                    "sort", .words(Service.orders + Service.orders.map { "-\($0)" }),
                    "An ascending order, or with a - a descending one. Jobs that come or go move "
                        + "the pages of a search or an order."),
                .query(
                    "shared", .string.with(["const": "true"]),
                    "Lists the jobs that other users have opened for all, in place of the user's."),
            ], [200: .json("The page.", "JobPage")]),
        Route(
            "POST", "/v1/separations", .createJob, "Separate a sound", takesSound: true,
            [202: .json("The job was stored.", "Job", headers: ["Location": .string])]),
        Route("GET", "/v1/separations/{id}", .showJob, "A job", [200: .json("The job.", "Job")]),
        Route(
            "PATCH", "/v1/separations/{id}", .changeJob,
            "Change a job's name or some of its notes; a note is replaced as a whole, null removes it",
            body: Job.changeSchema, [200: .json("The job.", "Job")]),
        Route(
            "DELETE", "/v1/separations/{id}", .deleteJob,
            "Cancel a job that waits or runs; remove one that has ended",
            [
                200: .json(
                    "The job was cancelled; the part that was finished stays until it is removed.",
                    "Job"),
                204: OpenAPI.Response("The job and its files are removed."),
            ]),
        Route(
            "DELETE", "/v1/separations", .removeJobs, "Remove the user's jobs that have ended",
            parameters: [
                .query(
                    "state", .string.with(["examples": ["failed,cancelled"]]),
                    "One or more of done, failed, cancelled."),
                .query(
                    "all", .string.with(["const": "true"]),
                    "Removes the jobs in all of these states, in place of state."),
            ],
            [
                200: OpenAPI.Response(
                    "Their number.", ["application/json"], .fields(["removed": .integer]))
            ]),
        Route(
            "PUT", "/v1/separations/{id}/place", .moveJob, "Move a waiting job in the queue",
            parameters: [
                .query(
                    "before", .jobID,
                    "A waiting job of the user; without it, the job moves to the end.")
            ], [200: .json("The job.", "Job")], refusals: [.conflict]),
        Route(
            "PUT", "/v1/separations/{id}/shared", .shareJob,
            "Open a job that is done for all users, who can then read it and its results",
            [200: .json("The job.", "Job")], refusals: [.conflict]),
        Route(
            "DELETE", "/v1/separations/{id}/shared", .unshareJob,
            "Take back a job that was opened for all users", [200: .json("The job.", "Job")]),
        Route(
            "GET", "/v1/sets", .listSets, "The user's sets, and those that others have opened",
            [
                200: OpenAPI.Response(
                    "The sets.", ["application/json"],
                    .fields(["sets": .list(of: .reference("Set"))]))
            ]),
        Route(
            "PUT", "/v1/sets/{id}", .keepSet,
            "Create a set with an id of the client's, or replace one", body: SongSet.contentSchema,
            [200: .json("The set.", "Set")], refusals: [.conflict]),
        Route(
            "DELETE", "/v1/sets/{id}", .removeSet, "Remove a set; its songs stay",
            [204: OpenAPI.Response("The set is removed.")]),
        Route(
            "PUT", "/v1/sets/{id}/shared", .shareSet,
            "Open a set for all users; its songs are opened one by one",
            [200: .json("The set.", "Set")]),
        Route(
            "DELETE", "/v1/sets/{id}/shared", .unshareSet,
            "Take back a set that was opened for all users", [200: .json("The set.", "Set")]),
        Route(
            "GET", "/v1/separations/{id}/events", .jobEvents, "Changes of a job",
            parameters: [.shared("Last-Event-ID"), .shared("last-event-id")],
            [200: events("The present state is the `job` alone.")]),
        Route(
            "GET", "/v1/events", .allEvents, "Changes of the user's jobs",
            parameters: [
                .shared("Last-Event-ID"), .shared("last-event-id"),
                .query(
                    "limit", .integer(in: 0...Service.mostPageJobs, default: Service.pageJobs),
                    "Finished jobs in the present state: those among the newest jobs of this "
                        + "number."),
            ],
            [
                200: events(
                    "The present state is `state` with `total` and `next` as in JobPage, followed "
                        + "by a `shared` for each job of the list with shared=true, and by a `job` "
                        + "for each of the newest jobs and for all queued and running ones; "
                        + "everything that the client knew is then outdated.")
            ]),
        Route(
            "GET", "/v1/separations/{id}/stems/{file}", .stem,
            "A stem; of a running job, a range of the finished part as WAV with float samples",
            parameters: [.shared("file"), .shared("named")] + TimeRange.parameters,
            OpenAPI.Response.sound, refusals: [.conflict, .tooManyRequests]),
        Route(
            "GET", "/v1/separations/{id}/stems.zip", .zip, "All stems as a ZIP archive",
            parameters: [.shared("format"), .shared("named")] + TimeRange.parameters,
            [
                200: OpenAPI.Response(
                    "The archive, made while it is sent.", ["application/zip"], .binary)
            ], refusals: [.conflict, .tooManyRequests]),
        Route(
            "GET", "/v1/separations/{id}/song.stem.mp4", .stemFile,
            "A stem file for DJ software: the mix and its four stems",
            OpenAPI.Response.file("audio/mp4"), refusals: [.conflict, .tooManyRequests]),
        Route(
            "GET", "/v1/separations/{id}/mix", .mix, "A mix of stems",
            parameters: [.shared("format"), .shared("named")] + TimeRange.parameters + [
                .queryFields(
                    "volumes",
                    .object.with([
                        "additionalProperties": ["type": "number", "minimum": -1, "maximum": 4]
                    ]),
                    "For each stem by its name a volume from 0 to 4, vocals=0&drums=0.5 (1 for "
                        + "those that are not named, 0 for sums of the option mix), and with .pan "
                        + "its place from -1, left, to 1, right: bass.pan=-0.5. A sum beyond full "
                        + "scale is scaled down.")
            ], OpenAPI.Response.sound, refusals: [.conflict, .tooManyRequests]),
        Route(
            "GET", "/v1/separations/{id}/peaks", .peaks, "Waveforms for drawing",
            parameters: [
                .query(
                    "points", .integer(in: 1...Service.mostPoints, default: Service.points),
                    "At most so many points; there are never more than one for 256 samples.")
            ] + TimeRange.parameters, [200: .json("Least and greatest samples.", "Peaks")],
            refusals: [.conflict, .tooManyRequests]),
        Route(
            "GET", "/v1/separations/{id}/analysis", .analysis, "Tempo, beats and key",
            [200: .json("The analysis.", "Analysis")], refusals: [.conflict, .tooManyRequests]),
        Route(
            "POST", "/v1/separate/{file}", .separateNow,
            "Separate a sound; the stem comes back in the reply", takesSound: true,
            parameters: [.shared("file")], OpenAPI.Response.sound, refusals: [.conflict]),
        // The address that `curl -T` makes of a file name.
        Route(
            "PUT", "/v1/separate/{file}", .separateNowByPut, "The same, as curl -T sends it",
            takesSound: true, parameters: [.shared("file")], OpenAPI.Response.sound,
            refusals: [.conflict]),
        Route(
            "POST", "/v1/convert/{file}", .convert, "A sound in the format of the address",
            takesSound: true,
            parameters: [
                .path("file", .string.with(["examples": ["mix.mp3", "mix.m4a"]])),
                .query("job", .jobID, "The job that it is of, whose tags it gets."),
                .query("part", .string, "The stem of the job, by default mix."),
                .query("bpm", .string, "Its tempo, for the tags."),
                .query("key", .string.with(["examples": ["F# minor"]]), "Its key, for the tags."),
            ], OpenAPI.Response.sound, refusals: [.conflict]),
        Route(
            "GET", "/v1/models", .models, "The engine, its models and limits",
            [200: .json("The models.", "Models")]),
        Route(
            "GET", "/metrics", .metrics, "Counters for Prometheus",
            [200: OpenAPI.Response("Prometheus text.", ["text/plain"], .string)]),
        Route(
            "GET", "/livez", .alive, "Whether the service answers", needsToken: false,
            [200: .text("It does.", "ok\n")]),
        Route(
            "GET", "/readyz", .ready, "Whether the model is loaded", needsToken: false,
            [200: .text("It is. Otherwise 503 with the reason.", "ready\n")]),
        Route(
            "GET", "/openapi.json", .description, "This document", needsToken: false,
            OpenAPI.Response.pageFile("This document.", "application/json", .object)),
        Route(
            "GET", "/demo_track.ogg", .example, "The track that comes with the program",
            OpenAPI.Response.file("audio/ogg"), refusals: [.notFound]),
        Route(
            "GET", "/demo_stems/{file}", .exampleStem, "A true stem of that track, drums.ogg",
            parameters: [.path("file", .string)], OpenAPI.Response.file("audio/ogg"),
            refusals: [.notFound]),
        Route(
            "GET", "/", .page, "The page", needsToken: false,
            OpenAPI.Response.pageFile("The page.", "text/html", .string)),
        Route(
            "GET", "/explain", .explainer,
            "The network, to open, change and hear in the browser", needsToken: false,
            [307: OpenAPI.Response("It is in the folder of --web.")], refusals: [.notFound]),
        Route(
            "GET", "/explain/{file}", .explainer, "The same, with an empty name",
            needsToken: false, parameters: [.path("file", .string)],
            [307: OpenAPI.Response("It is in the folder of --web.")]),
        Route(
            "GET", "/{file}", .pageFile, "A file of the page", needsToken: false,
            parameters: [.path("file", .string)],
            OpenAPI.Response.pageFile("The file.", "*/*", .string)),
        Route(
            "GET", "/web/{path}", .webFile,
            "The page that separates in the browser, or a file of it, also one in a folder",
            needsToken: false, parameters: [.path("path", .string)],
            OpenAPI.Response.pageFile("The file.", "*/*", .string)),
        // After all other addresses of two parts.
        Route(
            "GET", "/{folder}/{file}", .pageFolderFile, "A module of the page",
            needsToken: false,
            parameters: [.path("folder", .string), .path("file", .string)],
            OpenAPI.Response.pageFile("The file.", "*/*", .string)),
    ]

    private static func events(_ state: String) -> OpenAPI.Response {
        OpenAPI.Response(
            "Server-sent events: `job` with a Job, `shared` with one that another user has opened, "
                + "`removed` with an id, also of one that was taken back, `sets` when the sets at "
                + "/v1/sets have changed. \(state) Ids are integers "
                + "that rise; in the present state only the last event has one. Comments show that "
                + "the connection lives.", ["text/event-stream"], .string)
    }
}
