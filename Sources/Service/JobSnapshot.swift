import Synchronization
import System

/// A job, its progress and its place in the queue. The JSON of a job that can still change is made once, by
/// the first client that asks for it, and shared by all; that of the many others would fill the memory.
final class JobSnapshot: Sendable {
    let job: Job
    let progress: JobProgress
    /// The position in the queue, from 1; nil for a job that does not wait.
    let queuePosition: Int?
    private let text = Mutex<[UInt8]?>(nil)

    init(_ job: Job, _ progress: JobProgress = JobProgress(), queuePosition: Int? = nil) {
        self.job = job
        self.progress = progress
        self.queuePosition = queuePosition
    }

    /// One line of JSON.
    var bytes: [UInt8] {
        text.withLock { text in
            if let text { return text }
            let made = job.json(progress, queuePosition: queuePosition).bytes
            if !job.state.isFinal { text = made }
            return made
        }
    }
}

/// A part of a user's jobs.
struct JobPage {
    var jobs: [JobSnapshot]
    /// The sequence number after which the next older page begins; nil on the last page.
    let next: Int?
    /// Number of all jobs of the user.
    let total: Int
    /// Id of the last event that the jobs include.
    let lastEvent: Int

    /// The cursor of the next page in replies.
    var cursor: JSON { JSON(next.map { "\($0)" }) }

    /// The reply with the page.
    var bytes: [UInt8] {
        var bytes = Array("{\"last_event\":\(lastEvent),\"next\":".utf8)
        bytes += cursor.bytes
        bytes += Array(",\"separations\":[".utf8)
        for (index, job) in jobs.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += job.bytes
        }
        bytes += Array("],\"total\":\(total)}".utf8)
        return bytes
    }

    /// The schema of ``bytes``.
    static let schema = JSONSchema.fields([
        "separations": .list(of: .reference("Job")),
        "next": .string.orNull.about(
            "Send it as `after` for the next older page; null on the last page. It stays valid "
                + "when jobs are removed."),
        "total": .integer.about("Number of all jobs of the user."),
        "last_event": .integer.about("The last event that the page includes, for /v1/events."),
    ])
}
