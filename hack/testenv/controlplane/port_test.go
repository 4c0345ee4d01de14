package controlplane

import (
	"net"
	"testing"
)

func TestFreePortsAreGivenOnceAndToNobodyByChance(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		port, err := FreePort(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < firstPort || port >= endPort {
			t.Errorf("port %d, after %v", port, seen)
		}
		seen[port] = true
	}
}

func TestATakenPortIsNotGiven(t *testing.T) {
	taken := firstPort + int((nextPort.Load()+1)%(endPort-firstPort))
	listener, err := net.Listen("tcp", loopback(taken))
	if err != nil {
		t.Skipf("somebody else has port %d: %v", taken, err)
	}
	defer listener.Close()
	if port, err := FreePort(t.Context()); err != nil || port == taken {
		t.Errorf("%d, %v", port, err)
	}
}
