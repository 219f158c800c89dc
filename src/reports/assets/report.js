/* Draws the charts of a report from the plain data in #charts. Runs in the reader's browser, offline. */
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const drawn = new Map();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = FONT;
  const widthOf = (text) => pen.measureText(text).width;

  const trim = (value, digits) => String(Number(value.toFixed(digits)));
  const format = {
    ms: (v) => (v >= 1000 ? `${trim(v / 1000, 2)} s` : `${trim(v, v < 10 ? 1 : 0)} ms`),
    files: (v) => v.toLocaleString('en-US'),
    'events/s': (v) => `${Math.round(v).toLocaleString('en-US')}/s`,
    share: (v) => `${trim(v * 100, v < 0.1 ? 1 : 0)} %`,
    bytes: (v) => `${(v / 1048576).toFixed(1)} MiB`,
  };
  const clock = (s) =>
    `${s < 0 ? '-' : ''}${Math.floor(Math.abs(s) / 60)}:${String(Math.floor(Math.abs(s) % 60)).padStart(2, '0')}`;

  function powersOfTen(min, max) {
    const from = Math.round(Math.log10(min));
    return Array.from(
      { length: Math.round(Math.log10(max)) - from + 1 },
      (_, i) => 10 ** (from + i),
    );
  }

  /** Areas on top of each other: the running sum, drawn from the top down. */
  function stacked(series) {
    const sums = series[0].values.map(() => 0);
    return series
      .map((one) => ({
        ...one,
        raw: one.values,
        values: one.values.map((v, i) => (sums[i] += v ?? 0)),
      }))
      .reverse();
  }

  function paintBands(u, chart) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.font = scaled(FONT, ratio);
    ctx.textAlign = 'left';
    ctx.textBaseline = 'bottom';
    chart.bands.forEach((band, i) => {
      const from = u.valToPos(band.from, 'x', true);
      const width = u.valToPos(band.to, 'x', true) - from;
      if (i % 2 === 0) {
        ctx.fillStyle = css('--band');
        ctx.fillRect(from, bbox.top, width, bbox.height);
      }
      const label = [band.label, band.label.split(' ')[0]].find(
        (text) => ctx.measureText(text).width + 10 * ratio <= width,
      );
      ctx.fillStyle = css('--muted');
      if (label) ctx.fillText(label, from + ratio, bbox.top - 3 * ratio);
    });
    for (const mark of chart.marks) {
      const from = u.valToPos(mark.from, 'x', true);
      const width = Math.max(2 * ratio, u.valToPos(mark.to, 'x', true) - from);
      ctx.fillStyle = css('--mark');
      ctx.fillRect(from, bbox.top, width, bbox.height);
    }
    ctx.restore();
  }

  /** After the grid, so that no line runs through the word. */
  function paintMarkLabels(u, chart) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.font = scaled(FONT, ratio);
    ctx.textAlign = 'left';
    ctx.textBaseline = 'top';
    ctx.fillStyle = css('--mark-ink');
    let freeFrom = 0;
    for (const mark of chart.marks) {
      const from = u.valToPos(mark.from, 'x', true);
      const end = from + ctx.measureText(mark.label).width + 8 * ratio;
      // A short one is named next to itself, as long as that is still on the chart and no other name is there.
      if (from >= freeFrom && end <= bbox.left + bbox.width) {
        ctx.fillText(
          mark.label,
          from + 4 * ratio,
          bbox.top + (chart.never.length > 0 ? 10 : 4) * ratio,
        );
        freeFrom = end;
      }
    }
    ctx.restore();
  }

  const scaled = (font, ratio) => font.replace(/^([\d.]+)px/, (_, px) => `${px * ratio}px`);

  function paintLevels(u, chart) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.font = scaled(FONT, ratio);
    for (const { value } of chart.levels) {
      if (value > u.scales.y.max) continue;
      const y = u.valToPos(value, 'y', true);
      ctx.strokeStyle = css('--muted');
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      ctx.lineWidth = ratio;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.fillStyle = css('--bad');
    for (const second of chart.never) {
      const x = u.valToPos(second, 'x', true);
      ctx.beginPath();
      ctx.moveTo(x - 4 * ratio, bbox.top + 7 * ratio);
      ctx.lineTo(x + 4 * ratio, bbox.top + 7 * ratio);
      ctx.lineTo(x, bbox.top);
      ctx.fill();
    }
    ctx.restore();
  }

  /** Names at the right end of their lines, pushed apart where they would touch. */
  function paintLabels(u, chart, series) {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    const labels = series.map((one, i) => {
      const last = one.values.findLastIndex((v) => v !== null);
      const below = chart.stacked ? (series[i + 1]?.values[last] ?? 0) : null;
      const at = chart.stacked ? (one.values[last] + below) / 2 : one.values[last];
      return {
        text: one.label,
        color: css(one.color),
        y: last < 0 ? null : u.valToPos(at, 'y', true),
      };
    });
    for (const { value, label } of chart.levels) {
      if (value > u.scales.y.max) continue;
      labels.push({ text: label, color: css('--muted'), y: u.valToPos(value, 'y', true) });
    }
    const shown = labels.filter(({ y }) => y !== null).sort((a, b) => a.y - b.y);
    const gap = 14 * ratio;
    const bottom = bbox.top + bbox.height;
    shown.forEach((label, i) => {
      label.y = Math.max(label.y, i > 0 ? shown[i - 1].y + gap : bbox.top + 6 * ratio);
    });
    for (let i = shown.length - 1, limit = bottom; i >= 0; i--, limit = shown[i + 1].y - gap) {
      shown[i].y = Math.min(shown[i].y, limit);
    }
    ctx.save();
    ctx.font = scaled(FONT, ratio);
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    for (const { text, color, y } of shown) {
      ctx.fillStyle = color;
      ctx.fillText(text, bbox.left + bbox.width + 8 * ratio, y);
    }
    ctx.restore();
  }

  function tipOf(host, chart, series) {
    const tip = document.createElement('div');
    tip.className = 'tip';
    tip.hidden = true;
    host.append(tip);
    const line = (color, label, value) => {
      const row = document.createElement('div');
      const swatch = document.createElement('i');
      swatch.style.background = color;
      const number = document.createElement('b');
      number.textContent = value;
      row.append(swatch, label, number);
      return row;
    };
    return (u) => {
      const { idx, left } = u.cursor;
      const own = u.cursor.event !== null && host.matches(':hover');
      tip.hidden = !own || idx === null || idx === undefined || left < 0;
      if (tip.hidden) return;
      const rows = series.flatMap((one) => {
        const value = (one.raw ?? one.values)[idx];
        return value === null || value === undefined
          ? []
          : [line(css(one.color), one.label, format[chart.unit](value))];
      });
      const head = document.createElement('div');
      const band = chart.bands.find(({ from, to }) => chart.x[idx] >= from && chart.x[idx] < to);
      head.textContent = `${clock(chart.x[idx])}${band ? ` · ${band.label}` : ''}`;
      tip.replaceChildren(head, ...rows);
      const plot = u.over.offsetLeft + left;
      tip.style.left =
        plot + tip.offsetWidth + 24 > host.clientWidth
          ? `${plot - tip.offsetWidth - 14}px`
          : `${plot + 14}px`;
    };
  }

  function axis(extra) {
    return {
      stroke: css('--muted'),
      font: FONT,
      grid: { stroke: css('--rule'), width: 1 },
      ticks: { show: false },
      ...extra,
    };
  }

  /** Room for the names at the right: one for all charts of a width, so that their times line up. */
  function gutterOf(width) {
    const alike = charts.filter(
      ({ id }) => document.getElementById(`chart-${id}`).clientWidth === width,
    );
    const names = alike.flatMap(({ series, levels }) =>
      [...series, ...levels].map(({ label }) => label),
    );
    return Math.ceil(Math.max(...names.map(widthOf))) + 14;
  }

  function options(chart, series, host) {
    const width = host.clientWidth;
    const moved = tipOf(host, chart, series);
    const top = chart.yMax ?? 0;
    const gutter = gutterOf(width);
    return {
      width,
      height: chart.height,
      padding: [20, gutter, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: 'run', scales: ['x', null] },
        drag: { x: false, y: false },
        points: { size: 6 },
      },
      scales: {
        x: { time: false, range: () => chart.xRange },
        y: chart.log
          ? {
              distr: 3,
              range: (_, min, max) => [
                10 ** Math.floor(Math.log10(Math.max(min, 0.1))),
                10 ** Math.ceil(Math.log10(Math.max(max, 1))),
              ],
            }
          : {
              range: (_, __, max) => [
                0,
                top || Math.max(max ?? 1, ...chart.levels.map(({ value }) => value)) * 1.06,
              ],
            },
      },
      axes: [
        axis({
          values: (_, splits) => splits.map(clock),
          space: 64,
          size: 28,
          gap: 4,
          incrs: [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600],
          grid: { show: false },
        }),
        axis({
          size: 62,
          gap: 6,
          space: 34,
          ...(chart.log ? { splits: (_, __, min, max) => powersOfTen(min, max) } : {}),
          values: (_, splits) =>
            splits.map((v) => {
              if (v === null || (chart.unit === 'files' && v % 1)) return '';
              return v === 0 ? '0' : format[chart.unit](v);
            }),
        }),
      ],
      series: [{}, ...series.map((one) => uplotSeries(chart, one))],
      bands: bandsOf(chart, series),
      hooks: {
        drawClear: [(u) => paintBands(u, chart)],
        draw: [
          (u) => {
            paintMarkLabels(u, chart);
            paintLevels(u, chart);
            paintLabels(u, chart, series);
          },
        ],
        setCursor: [moved],
      },
    };
  }

  function uplotSeries(chart, one) {
    const color = css(one.color);
    if (one.kind === 'dots') {
      return {
        label: one.label,
        stroke: color,
        paths: () => null,
        points: { show: true, size: 6, width: 0, fill: color },
      };
    }
    const paths = chart.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {};
    const fill = chart.stacked ? `${color}b0` : one.fill ? css('--c1-fill') : undefined;
    return {
      label: one.label,
      stroke: color,
      fill,
      ...paths,
      width: one.kind === 'thin' ? 1 : 1.75,
      spanGaps: false,
      points: {
        show: () => false,
        filter: () => alone(one.values),
        size: 5,
        width: 0,
        fill: color,
      },
    };
  }

  /** Values between two gaps: no line can be drawn through them, and they must not vanish. */
  function alone(values) {
    const gap = (v) => v === null || v === undefined;
    const found = values.flatMap((v, i) =>
      !gap(v) && gap(values[i - 1]) && gap(values[i + 1]) ? [i] : [],
    );
    return found.length > 0 ? found : null;
  }

  function bandsOf(chart, series) {
    if (chart.stacked)
      return series
        .slice(1)
        .map((_, i) => ({ series: [i + 1, i + 2], fill: `${css(series[i].color)}b0` }));
    return series.flatMap((one, i) =>
      one.fill && series[i + 1] ? [{ series: [i + 1, i + 2], fill: css('--c1-fill') }] : [],
    );
  }

  function draw(chart) {
    const host = document.getElementById(`chart-${chart.id}`);
    drawn.get(chart.id)?.destroy();
    host.replaceChildren();
    const series = chart.stacked ? stacked(chart.series) : chart.series;
    const plot = new uPlot(
      options(chart, series, host),
      [chart.x, ...series.map(({ values }) => values)],
      host,
    );
    drawn.set(chart.id, plot);
  }

  const drawAll = () => charts.forEach(draw);

  /** The numbers of a chart as a table, made when somebody opens it: keeps the file small. */
  function fillTable(details) {
    const chart = charts.find(({ id }) => id === details.dataset.chart);
    const body = details.querySelector('tbody');
    if (!chart || body.childElementCount > 0) return;
    const never = new Set(chart.never);
    chart.x.forEach((second, i) => {
      const row = document.createElement('tr');
      const cells = [
        clock(second),
        ...chart.series.map(({ values }) =>
          values[i] === null || values[i] === undefined
            ? never.has(second)
              ? 'never'
              : '–'
            : format[chart.unit](values[i]),
        ),
      ];
      cells.forEach((text) => {
        row.append(Object.assign(document.createElement('td'), { textContent: text }));
      });
      body.append(row);
    });
  }

  drawAll();
  for (const details of document.querySelectorAll('details[data-chart]')) {
    details.addEventListener('toggle', () => fillTable(details));
  }
  let waiting = 0;
  let width = document.body.clientWidth;
  addEventListener('resize', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (document.body.clientWidth === width) return;
      width = document.body.clientWidth;
      drawAll();
    }, 120);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.theme = 'light';
    drawAll();
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.theme;
    drawAll();
  });
})();
