package mesh_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answer is what a request came to.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// outcome of a request in one line.
func outcome(a answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %.200s", a.status, a.body)
}

// client takes redirects for answers. It never uses a proxy of the environment.
var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// via is a client that uses an HTTP proxy, as the program of a workload does.
func via(proxy string) *http.Client {
	at, err := url.Parse(proxy)
	if err != nil || proxy == "" {
		panic("no proxy: " + proxy)
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), DisableKeepAlives: true}, CheckRedirect: client.CheckRedirect}
}

// get sends a GET; headers are pairs of name and value.
func get(c *http.Client, target string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	began := time.Now()
	response, err := c.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), time.Since(began)}, err
}

// get asks the gateway.
func (m *mesh) get(path string, headers ...string) (answer, error) {
	return get(client, m.url+path, headers...)
}

// login signs in on the page and returns the headers of later requests.
func (m *mesh) login(user string) ([]string, error) {
	response, err := client.PostForm(m.url+"/login", url.Values{"username": {user}, "passwd": {"x"}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var cookies []string
	for _, c := range response.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) == 0 {
		return nil, fmt.Errorf("no cookie for %s: %s", user, response.Status)
	}
	return []string{"Cookie", strings.Join(cookies, "; ")}, nil
}

// reviews is the API's answer for the one book.
type reviews struct {
	answer
	PodName string
	Reviews []struct {
		Rating *struct {
			Stars int
			Color string
			Error string
		}
	}
}

func (m *mesh) reviews(headers ...string) (reviews, error) {
	var r reviews
	var err error
	if r.answer, err = m.get("/api/v1/products/0/reviews", headers...); err != nil || r.status != http.StatusOK {
		return r, err
	}
	err = json.Unmarshal([]byte(r.body), &r)
	return r, err
}

// stars says what the reviews show of ratings: a color, "none", or the error.
func (r reviews) stars() string {
	if len(r.Reviews) == 0 {
		return "no reviews"
	}
	switch rating := r.Reviews[0].Rating; {
	case rating == nil:
		return "none"
	case rating.Error != "":
		return rating.Error
	default:
		return rating.Color
	}
}

// count sends n requests, some at a time, and counts what ask makes of each.
func count(n int, ask func() string) map[string]int {
	out := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	for range 8 {
		all.Go(func() {
			for range turns {
				result := ask()
				mu.Lock()
				out[result]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return out
}

// versions counts which version of reviews answers n requests; an error or a failure counts by its text.
func (m *mesh) versions(n int, headers ...string) map[string]int {
	return count(n, func() string {
		r, err := m.reviews(headers...)
		switch {
		case err != nil:
			return err.Error()
		case r.status != http.StatusOK:
			return strconv.Itoa(r.status)
		}
		return strings.TrimPrefix(r.PodName, "reviews-")
	})
}

// counters of an Envoy whose names match the expression.
func (m *mesh) counters(admin, expression string) map[string]int {
	a, err := get(client, "http://"+admin+"/stats?filter="+url.QueryEscape(expression))
	if err != nil {
		m.t.Fatal(err)
	}
	out := map[string]int{}
	for line := range strings.Lines(a.body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil {
			out[name] = n
		}
	}
	return out
}
