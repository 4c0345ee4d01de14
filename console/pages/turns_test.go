package pages

import (
	"context"
	"testing"
)

func TestNobodyTakesThePlacesOfOthers(t *testing.T) {
	places := newTurns(2)
	take := func(person string) func() {
		t.Helper()
		leave, ok := places.try(person)
		if !ok {
			t.Fatalf("%s has no place", person)
		}
		return leave
	}
	first, second := take("anna"), take("anna")
	if _, ok := places.try("anna"); ok {
		t.Error("one person has more places than there are")
	}
	gone, end := context.WithCancel(context.Background())
	end()
	if _, ok := places.take(gone, "anna"); ok {
		t.Error("somebody who has gone has a place that there is not")
	}
	take("ben")()

	waiting := make(chan func())
	go func() {
		leave, _ := places.take(context.Background(), "anna")
		waiting <- leave
	}()
	first()
	third := <-waiting
	if _, ok := places.try("anna"); ok {
		t.Error("who waited has no place")
	}
	second()
	third()
	if len(places.of) != 0 {
		t.Errorf("%d people are remembered of whom nobody is here", len(places.of))
	}
}
