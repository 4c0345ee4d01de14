package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// measured is what requests of one kind took.
type measured struct {
	perSecond float64
	// cpu, allocations and allocated, in bytes, are one request's in this process: the server's and the client's.
	cpu                    time.Duration
	allocations, allocated float64
}

// costs are cells of a table.
func (m measured) costs() string {
	return fmt.Sprintf("%s | %.0f | %.1f KB", m.cpu, m.allocations, m.allocated/1024)
}

// usage is what this process had used at a time.
type usage struct {
	at                     time.Time
	cpu                    time.Duration
	allocations, allocated uint64
}

func usageNow() usage {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	var of syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &of); err != nil {
		panic(err) // only for arguments that are wrong
	}
	return usage{at: time.Now(), cpu: time.Duration(of.Utime.Nano() + of.Stime.Nano()), allocations: stats.Mallocs, allocated: stats.TotalAlloc}
}

// until says what each of n requests since then has taken.
func (u usage) until(n int64) measured {
	now, requests := usageNow(), float64(n)
	return measured{
		perSecond:   requests / now.at.Sub(u.at).Seconds(),
		cpu:         time.Duration(float64(now.cpu-u.cpu) / requests).Round(100 * time.Nanosecond),
		allocations: float64(now.allocations-u.allocations) / requests,
		allocated:   float64(now.allocated-u.allocated) / requests,
	}
}
