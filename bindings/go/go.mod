module keyfold.dev/go

go 1.24
