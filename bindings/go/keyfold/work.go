package keyfold

/*
#include <stdatomic.h>
#include <stdlib.h>

#include "keyfold.h"

// How one call is done, in C's memory: C reads the flag and writes how far it is while Go runs.
typedef struct {
	keyfold_work work;
	uint32_t cancel;
	_Atomic uint64_t done;
	_Atomic uint64_t total;
} kf_work;

// Writes down how far the call is. C never calls into Go.
static int32_t kf_work_told(void *data, uint64_t done, uint64_t total)
{
	kf_work *work = data;
	atomic_store(&work->total, total);
	atomic_store(&work->done, done);
	return KEYFOLD_CALLBACK_OK;
}

static kf_work *kf_work_new(uint32_t threads, int told)
{
	kf_work *made = calloc(1, sizeof *made);
	if (!made) return NULL;
	made->work.size = sizeof made->work;
	made->work.threads = threads;
	made->work.cancel = &made->cancel;
	if (told) made->work.progress = kf_work_told;
	made->work.user_data = made;
	return made;
}

static void kf_work_cancel(kf_work *work)
{
	__atomic_store_n(&work->cancel, 1, __ATOMIC_RELAXED);
}

static uint64_t kf_work_done(kf_work *work) { return atomic_load(&work->done); }
static uint64_t kf_work_total(kf_work *work) { return atomic_load(&work->total); }
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// threadsOf gives the work of a call that only names its threads. It is made once for each number, and kept; all numbers
// that are refused are one.
func threadsOf(threads int) *C.keyfold_work {
	switch {
	case threads == 0:
		return nil
	case threads < 0 || threads > threadsLimit:
		threads = threadsLimit + 1
	}
	if known, ok := worksOfThreads.Load(threads); ok {
		return known.(*C.keyfold_work)
	}
	made := C.kf_work_new(C.uint32_t(threads), 0)
	if made == nil {
		return nil // without memory for it, the library chooses
	}
	made.work.cancel = nil
	known, before := worksOfThreads.LoadOrStore(threads, &made.work)
	if before {
		C.free(unsafe.Pointer(made))
	}
	return known.(*C.keyfold_work)
}

const threadsLimit = 1024

var worksOfThreads sync.Map

// task is a call that a context can stop, and that tells how far it is.
type task struct {
	c        *C.kf_work
	ctx      context.Context
	stop     func() bool
	stopped  chan struct{}
	progress func(done, total uint64)
	quit     chan struct{}
	told     sync.WaitGroup
}

func begin(ctx context.Context, threads int, progress func(done, total uint64)) (*task, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if threads < 0 || threads > threadsLimit {
		return nil, misuse("Threads is not 0 to 1,024")
	}
	told := 0
	if progress != nil {
		told = 1
	}
	made := C.kf_work_new(C.uint32_t(threads), C.int(told))
	if made == nil {
		return nil, &Error{Code: CodeOutOfMemory}
	}
	t := &task{c: made, ctx: ctx, stopped: make(chan struct{}), progress: progress, quit: make(chan struct{})}
	t.stop = context.AfterFunc(ctx, func() {
		C.kf_work_cancel(made)
		close(t.stopped)
	})
	if progress != nil {
		t.told.Add(1)
		go t.tell()
	}
	return t, nil
}

// tell looks now and then how far the call is.
func (t *task) tell() {
	defer t.told.Done()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-every.C:
			if done := uint64(C.kf_work_done(t.c)); done > 0 {
				t.progress(done, uint64(C.kf_work_total(t.c)))
			}
		}
	}
}

// end frees the task when C, the context and its teller are done with it, and says what the call came to.
func (t *task) end(err error) error {
	if !t.stop() {
		<-t.stopped
	}
	close(t.quit)
	t.told.Wait()
	done, total := uint64(C.kf_work_done(t.c)), uint64(C.kf_work_total(t.c))
	C.free(unsafe.Pointer(t.c))
	if err == nil && t.progress != nil {
		t.progress(done, total)
	}
	if errors.Is(err, ErrCancelled) && t.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, context.Cause(t.ctx))
	}
	return err
}
