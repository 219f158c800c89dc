-- What sells now: net units per SKU over the last 15 minutes of receipts.
SELECT sku_id, sum(quantity) AS units
FROM (
  SELECT unnest(line_sku_ids) AS sku_id, unnest(line_quantities) AS quantity
  FROM ice.${namespace}.pos
  WHERE store_id > 0 AND NOT training
    AND event_ts > $now_ms - 15 * 60 * 1000 AND event_ts <= $now_ms
)
GROUP BY sku_id
ORDER BY units DESC, sku_id
LIMIT 100;
