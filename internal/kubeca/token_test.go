package kubeca_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	authentication "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/fake"
	clienttest "k8s.io/client-go/testing"

	"github.com/meshctl/meshctl/internal/kubeca"
)

// reviewer answers TokenReviews.
func reviewer(answer func(token string) (authentication.TokenReviewStatus, error)) (client *fake.FakeDynamicClient, asked *atomic.Int32) {
	client, asked = fake.NewSimpleDynamicClient(runtime.NewScheme()), new(atomic.Int32)
	client.PrependReactor("create", "tokenreviews", func(a clienttest.Action) (bool, runtime.Object, error) {
		asked.Add(1)
		u, ok := a.(clienttest.CreateAction).GetObject().(*unstructured.Unstructured)
		if !ok {
			return true, nil, errors.New("no review")
		}
		token, _, _ := unstructured.NestedString(u.Object, "spec", "token")
		status, err := answer(token)
		if err != nil {
			return true, nil, err
		}
		u.Object["status"], err = runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
		return true, u, err
	})
	return client, asked
}

func good(user string) authentication.TokenReviewStatus {
	return authentication.TokenReviewStatus{Authenticated: true, Audiences: []string{"istio-ca"}, User: authentication.UserInfo{Username: user}}
}

func TestTokens(t *testing.T) {
	client, asked := reviewer(func(token string) (authentication.TokenReviewStatus, error) {
		switch token {
		case "good":
			return good("system:serviceaccount:shop:web"), nil
		case "other audience":
			s := good("system:serviceaccount:shop:web")
			s.Audiences = []string{"vault"}
			return s, nil
		case "no audience":
			s := good("system:serviceaccount:shop:web")
			s.Audiences = nil
			return s, nil
		case "person":
			return good("jane"), nil
		case "half":
			return good("system:serviceaccount:shop"), nil
		case "nobody":
			return good("system:serviceaccount::"), nil
		case "expired":
			return authentication.TokenReviewStatus{Error: "token has expired " + strings.Repeat("x", 5000)}, nil
		case "unknown":
			return authentication.TokenReviewStatus{}, nil
		}
		return authentication.TokenReviewStatus{}, fmt.Errorf("cannot review %q", token)
	})
	tokens := kubeca.NewTokens(client, "cluster.local")
	id, err := tokens.Authenticate(t.Context(), "good")
	if err != nil || id.String() != "spiffe://cluster.local/ns/shop/sa/web" {
		t.Error(id, err)
	}
	for token, want := range map[string]string{
		"": "0 bytes", strings.Repeat("a", 20000): "20000 bytes", "other audience": "audience", "no audience": "audience", "person": `user "jane"`,
		"half": "not of a service account", "nobody": "", "expired": "token has expired", "unknown": "refuses", "secret-token": "could not be asked",
	} {
		id, err := tokens.Authenticate(t.Context(), token)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 || id.ServiceAccount != "" && token != "nobody" {
			t.Errorf("%.20q: %v, %v", token, id, err)
		}
		if token == "secret-token" && strings.Contains(err.Error(), token) {
			t.Errorf("the error has the token: %v", err)
		}
	}
	if asked.Load() != 9 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestAGoodTokenIsRememberedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := false
		client, asked := reviewer(func(string) (authentication.TokenReviewStatus, error) {
			if fail {
				return authentication.TokenReviewStatus{}, nil
			}
			return good("system:serviceaccount:shop:web"), nil
		})
		tokens := kubeca.NewTokens(client, "cluster.local")
		var running sync.WaitGroup
		for i := range 20 {
			running.Go(func() {
				for range 10 {
					if _, err := tokens.Authenticate(t.Context(), fmt.Sprint(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		if asked.Load() != 20 {
			t.Errorf("asked %d times about 20 tokens", asked.Load())
		}
		fail = true // a token that is revoked counts for so long
		time.Sleep(9 * time.Second)
		if _, err := tokens.Authenticate(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		for range 2 {
			if _, err := tokens.Authenticate(t.Context(), "1"); err == nil {
				t.Error("a revoked token counts for ever")
			}
		}
		if asked.Load() != 22 {
			t.Errorf("asked %d times: refusals must not be remembered", asked.Load())
		}
	})
}
