package keyfold

/*
#include <pthread.h>
#include <stdlib.h>

#include "keyfold.h"

// What stands between the library, which calls from the thread whose call writes the trail down, and the goroutine that
// runs the host's function. C never calls into Go: that could move the stack that the caller's arguments lie on.
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const uint8_t *event;
	size_t size;
	enum { KF_IDLE, KF_GIVEN, KF_TAKEN } state;
	int32_t answer;
	int ended;
} kf_sink;

static kf_sink *kf_sink_new(void)
{
	kf_sink *sink = calloc(1, sizeof *sink);
	if (sink && (pthread_mutex_init(&sink->lock, NULL) || pthread_cond_init(&sink->changed, NULL))) {
		free(sink);
		return NULL;
	}
	return sink;
}

static void kf_sink_free(kf_sink *sink)
{
	pthread_cond_destroy(&sink->changed);
	pthread_mutex_destroy(&sink->lock);
	free(sink);
}

// The library's callback: gives one event to the goroutine and waits for its answer.
static int32_t kf_sink_take(void *data, const uint8_t *event, size_t size)
{
	kf_sink *sink = data;
	pthread_mutex_lock(&sink->lock);
	while (sink->state != KF_IDLE) pthread_cond_wait(&sink->changed, &sink->lock);
	sink->event = event;
	sink->size = size;
	sink->state = KF_GIVEN;
	pthread_cond_broadcast(&sink->changed);
	while (sink->state != KF_TAKEN) pthread_cond_wait(&sink->changed, &sink->lock);
	int32_t answer = sink->answer;
	sink->state = KF_IDLE;
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
	return answer;
}

// The library's release: the goroutine ends, and frees the sink.
static void kf_sink_release(void *data)
{
	kf_sink *sink = data;
	pthread_mutex_lock(&sink->lock);
	sink->ended = 1;
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
}

static keyfold_trail_callback kf_sink_taker(void) { return kf_sink_take; }
static keyfold_trail_release kf_sink_releaser(void) { return kf_sink_release; }

// Waits for an event; 0 when there will be no more.
static int kf_sink_next(kf_sink *sink)
{
	pthread_mutex_lock(&sink->lock);
	while (sink->state != KF_GIVEN && !sink->ended) pthread_cond_wait(&sink->changed, &sink->lock);
	int more = sink->state == KF_GIVEN;
	pthread_mutex_unlock(&sink->lock);
	return more;
}

static void kf_sink_answer(kf_sink *sink, int32_t answer)
{
	pthread_mutex_lock(&sink->lock);
	sink->answer = answer;
	sink->state = KF_TAKEN;
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
}

#cgo noescape kf_sink_next
#cgo nocallback kf_sink_next
#cgo noescape kf_sink_answer
#cgo nocallback kf_sink_answer
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// addCallback makes a sink of a function and gives it to the library, which gives it back whatever comes.
func addCallback(store *storeHandle, take func(event string) error) error {
	sink := C.kf_sink_new()
	if sink == nil {
		return &Error{Code: CodeOutOfMemory}
	}
	if _, err := store.read(); err != nil {
		C.kf_sink_free(sink) // the library would never hear of it
		return err
	}
	go serve(sink, take)
	err := nativeTrailAddCallback(store, C.kf_sink_taker(), uintptr(unsafe.Pointer(sink)), C.kf_sink_releaser())
	runtime.KeepAlive(store)
	return err
}

// serve hands events to the function until the library gives the sink back.
func serve(sink *C.kf_sink, take func(event string) error) {
	ended := false
	defer func() {
		if !ended { // the function ended its goroutine, by runtime.Goexit
			go serve(sink, take)
		}
	}()
	for C.kf_sink_next(sink) != 0 {
		hand(sink, take)
	}
	ended = true
	C.kf_sink_free(sink)
}

// hand gives one event to the function; a panic, or the end of the goroutine, is a failure like an error.
func hand(sink *C.kf_sink, take func(event string) error) {
	answer := C.int32_t(1)
	defer func() {
		_ = recover()
		C.kf_sink_answer(sink, answer)
	}()
	if take(C.GoStringN((*C.char)(unsafe.Pointer(sink.event)), C.int(sink.size))) == nil {
		answer = 0
	}
}
