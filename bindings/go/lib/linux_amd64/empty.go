// Package linux_amd64 is where make puts libkeyfold.a for this platform. The package is empty and imported by keyfold, so
// that go mod vendor takes the folder along.
package linux_amd64
