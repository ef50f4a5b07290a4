package registry

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The agent's connection is dead but the server has not noticed: the agent that connects again is not locked out.
func TestSameAgentTakesOver(t *testing.T) {
	p := start(t, nil)
	old := p.up(t, reviews())
	again := p.connect(t, reviews())
	again.registered()
	if err := old.refusal(); status.Code(err) != codes.Aborted {
		t.Errorf("the old stream ended with %v", err)
	}
	again.bind(map[string]uint32{"inbound|9080": 41009})
	p.entries.wait(t, "reviews-v1", "is bound anew", bound("9080", 41009))
	if s := p.registry.Sessions(); len(s) != 1 || !s[0].Connected {
		t.Errorf("sessions %+v", s)
	}
	p.clock.add(DefaultGrace)
	if _, _, deletes := p.entries.counts(); deletes != 0 {
		t.Error("the end of the old stream removed the workload of the new one")
	}
}

func TestSecondAgentIsRefused(t *testing.T) {
	p := start(t, nil)
	first := p.up(t, reviews())
	in := reviews()
	in.Instance = "second"
	second := p.connect(t, in)
	eventually(t, "the second waits", func() bool { return p.clock.pending(takeoverWait) == 1 })
	p.clock.add(takeoverWait)
	if err := second.refusal(); status.Code(err) != codes.AlreadyExists || !strings.Contains(err.Error(), "default/reviews-v1") {
		t.Errorf("%v", err)
	}
	if err := p.registry.Rotate("default", "reviews-v1"); err != nil {
		t.Fatal(err)
	}
	if m := first.receive(); m.GetRotate() == nil {
		t.Errorf("the first received %v", m)
	}
}

// The successor of a killed agent may be faster than the end of its predecessor's stream.
func TestSuccessorWaitsForTheEnd(t *testing.T) {
	p := start(t, nil)
	first := p.up(t, reviews())
	in := reviews()
	in.Instance = "second"
	second := p.connect(t, in)
	eventually(t, "the second waits", func() bool { return p.clock.pending(takeoverWait) == 1 })
	first.hangUp()
	second.registered()
	second.bind(map[string]uint32{"inbound|9080": 41009})
	p.entries.wait(t, "reviews-v1", "is bound anew", bound("9080", 41009))
	if _, _, deletes := p.entries.counts(); deletes != 0 {
		t.Error("the endpoint blinked")
	}
}

func TestWaitingAgentGoesAway(t *testing.T) {
	p := start(t, nil)
	p.up(t, reviews())
	in := reviews()
	in.Instance = ""
	second := p.connect(t, in)
	eventually(t, "the second waits", func() bool { return p.clock.pending(takeoverWait) == 1 })
	second.hangUp()
	eventually(t, "the second is gone", func() bool { return p.clock.pending(takeoverWait) == 0 })
	if s := p.registry.Sessions(); len(s) != 1 || !s[0].Connected {
		t.Errorf("sessions %+v", s)
	}
}
