package incluster

import (
	"errors"
	"testing"

	apiversion "k8s.io/apimachinery/pkg/version"
)

func TestNativeSidecarsAreAskedForUntilTheClusterAnswers(t *testing.T) {
	asked := 0
	s := &sidecars{version: func() (apiversion.Info, error) {
		if asked++; asked == 1 {
			return apiversion.Info{}, errors.New("the API server starts")
		}
		return apiversion.Info{Major: "1", Minor: "28+"}, nil
	}}
	if !s.native() {
		t.Error("a cluster that says nothing is taken for an old one")
	}
	for range 2 {
		if s.native() || asked != 2 {
			t.Errorf("an old cluster is taken for a new one, or was asked %d times", asked)
		}
	}
}
