//go:build cgo

package keyfold

import (
	"encoding/json"
	"iter"
	"time"
)

// Trail is the trail of an open store: what was done with its keys, by whom, and that none of it was changed since.
type Trail struct {
	store *Store
}

// Event is an event as it was written: CloudTrail's fields, in JSON (docs/AUDIT.md).
type Event = json.RawMessage

// EventFilter says which events to show: those that match all that is given.
type EventFilter struct {
	// KeyID is a UUID, no alias.
	KeyID string
	// Principal is userIdentity.principalId.
	Principal string
	// EventName is such as "Decrypt".
	EventName string
	// Since and Until: events at or after, and before.
	Since, Until time.Time
	// Failed: only refusals and failures.
	Failed bool
}

// TrailReport is what a verification of a trail found.
type TrailReport struct {
	OK bool `json:"ok"`
	// First is the sequence number of the first event there is: 0 but for a copy whose older files are gone.
	First              uint64  `json:"first"`
	Events             uint64  `json:"events"`
	Checkpoints        uint64  `json:"checkpoints"`
	LastGoodCheckpoint *uint64 `json:"last_good_checkpoint"`
	// Uncovered are events after the newest checkpoint.
	Uncovered uint64 `json:"uncovered"`
	// Unverified are, of JSON Lines, events outside of the first and the last checkpoint; 0 else.
	Unverified uint64 `json:"unverified"`
	// Gaps is how often the trail itself says that events are missing.
	Gaps uint64 `json:"gaps"`
	// ClockSteps are sequence numbers before which the clock went back.
	ClockSteps []uint64  `json:"clock_steps"`
	FirstBad   *BadEntry `json:"first_bad"`
	// BadSegments are stretches in which something is wrong: the first number and the one after the last.
	BadSegments [][2]uint64 `json:"bad_segments"`
}

// BadEntry is the first entry of a trail that is wrong.
type BadEntry struct {
	Seq    uint64 `json:"seq"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// SinkStatus is how a sink of the trail stands.
type SinkStatus struct {
	Sink      string `json:"sink"`
	Delivered uint64 `json:"delivered"`
	Waiting   uint64 `json:"waiting"`
	Dropped   uint64 `json:"dropped"`
	LastError string `json:"last_error"`
}

// Trail is the store's trail.
func (s *Store) Trail() Trail { return Trail{s} }

// Events gives events from sequence number from on, read a page at a time, up to those there were at the first page; it
// stops at the first error. Reading is itself an event, so that without that end it would follow itself.
func (t Trail) Events(filter *EventFilter, from uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		only, err := filter.text()
		for end := uint64(0); err == nil; {
			var page eventPage
			if page, err = decoded[eventPage](nativeTrailRead(&t.store.native, only, from, 0)); err != nil {
				break
			}
			if end == 0 {
				var info StoreInfo
				if info, err = t.store.Info(); err != nil {
					break
				}
				end = info.TrailEvents
			}
			for _, event := range page.Events {
				if !yield(event, nil) {
					return
				}
			}
			if page.Next == nil || *page.Next >= end {
				return
			}
			from = *page.Next
		}
		yield(nil, err)
	}
}

// Tail gives the newest events, count at most (1,000 at most; 0 is 100), the oldest of them first.
func (t Trail) Tail(filter *EventFilter, count uint32) ([]Event, error) {
	only, err := filter.text()
	if err != nil {
		return nil, err
	}
	page, err := decoded[eventPage](nativeTrailTail(&t.store.native, only, count))
	return page.Events, err
}

// Verify verifies the whole trail; what is wrong stands in the report, which is not OK then. expected is a signed
// checkpoint that was kept elsewhere, which the trail must contain, or "".
func (t Trail) Verify(expected string) (TrailReport, error) {
	return decoded[TrailReport](nativeTrailVerify(&t.store.native, expected))
}

// Checkpoint writes down what is waiting and signs a checkpoint: text to keep elsewhere.
func (t Trail) Checkpoint() (string, error) {
	note, err := nativeTrailCheckpoint(&t.store.native)
	return string(note), err
}

// Flush writes down what is waiting: uses that were counted, events that are queued.
func (t Trail) Flush() error { return nativeTrailFlush(&t.store.native) }

// Export exports C2SP tiles into a folder, up to a new checkpoint, and tells the number of entries.
func (t Trail) Export(folder string) (uint64, error) {
	return nativeTrailExport(&t.store.native, folder)
}

// AddFile copies events from now on to a JSON Lines file too, rotated at about rotateBytes (0: never), keep old ones kept.
func (t Trail) AddFile(path string, rotateBytes uint64, keep uint32) error {
	return nativeTrailAddFile(&t.store.native, path, rotateBytes, keep)
}

// AddCallback hands events from now on to a function too, one at a time and in order, each as one line of JSON. It runs on
// a goroutine of its own, while the call that writes the trail down waits; so it must not use the same store or its keys.
// It gets events alone, no checkpoints. An error or a panic is a failure, which is told in the trail; the function gets the
// same event again at a later Flush, and one that it failed at three times is dropped and counted (Sinks). It lasts until
// the store and all keys opened from it are closed.
func (t Trail) AddCallback(take func(event string) error) error {
	if take == nil {
		return misuse("take is nil")
	}
	return addCallback(&t.store.native, take)
}

// Sinks tells how the sinks of this open store stand.
func (t Trail) Sinks() ([]SinkStatus, error) {
	return decoded[[]SinkStatus](nativeTrailSinks(&t.store.native))
}

// VerifyTiles verifies a folder that Trail.Export wrote, without the store. key is the store's TrailKey.
func VerifyTiles(folder, key string) (TrailReport, error) {
	return decoded[TrailReport](nativeTrailVerifyTiles(folder, key))
}

// VerifyJSONLines verifies JSON Lines files of a sink, the oldest first, without the store.
func VerifyJSONLines(files []string, key string) (TrailReport, error) {
	paths, err := json.Marshal(files)
	if err != nil {
		return TrailReport{}, err
	}
	return decoded[TrailReport](nativeTrailVerifyJsonl(string(paths), key))
}

type eventPage struct {
	Events []Event `json:"events"`
	Next   *uint64 `json:"next"`
}

// text is the filter as the library reads it; "" is all events.
func (f *EventFilter) text() (string, error) {
	if f == nil || *f == (EventFilter{}) {
		return "", nil
	}
	text, err := json.Marshal(struct {
		KeyID     string `json:"key_id,omitempty"`
		Principal string `json:"principal,omitempty"`
		EventName string `json:"event_name,omitempty"`
		Since     string `json:"since,omitempty"`
		Until     string `json:"until,omitempty"`
		Failed    bool   `json:"failed,omitempty"`
	}{f.KeyID, f.Principal, f.EventName, moment(f.Since), moment(f.Until), f.Failed})
	return string(text), err
}

// moment is a time as the library reads it; "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
