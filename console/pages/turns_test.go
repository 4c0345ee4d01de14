package pages

import (
	"context"
	"testing"
)

func TestNobodyTakesThePlacesOfOthers(t *testing.T) {
	places := newTurns(2)
	now, end := context.WithCancel(context.Background())
	end()
	take := func(person string) func() {
		t.Helper()
		leave, ok := places.take(now, person)
		if !ok {
			t.Fatalf("%s has no place", person)
		}
		return leave
	}
	first, second := take("anna"), take("anna")
	if _, ok := places.take(now, "anna"); ok {
		t.Error("one person has more places than there are")
	}
	take("ben")()

	waiting := make(chan func())
	go func() {
		leave, _ := places.take(context.Background(), "anna")
		waiting <- leave
	}()
	first()
	third := <-waiting
	if _, ok := places.take(now, "anna"); ok {
		t.Error("who waited has no place")
	}
	second()
	third()
	if len(places.of) != 0 {
		t.Errorf("%d people are remembered of whom nobody is here", len(places.of))
	}
}
